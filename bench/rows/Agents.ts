/** The worker as it is published, with many agents: what they cost while they wait, and how punctual they are. */
import { Effect, FileSystem, Schedule } from "effect"
import { HttpClient } from "effect/http"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { join } from "node:path"
import * as Bundle from "../src/Bundle.ts"
import * as Parrot from "../src/Parrot.ts"
import * as Processes from "../src/Processes.ts"
import { atMost, measured, type Row } from "../src/Row.ts"
import { timed } from "../src/Stopwatch.ts"

const words = "leader monkey parrot ring guide accident before fence cannon height naive bean"

/** So many agents, who differ in nothing but their keys. */
const configuration = (agents: number, heartbeatSeconds: number): string =>
  [
    `[agent]\nheartbeat_seconds = ${heartbeatSeconds}\njitter = 0.5\ntrajectory = "off"`,
    ...Array.from({ length: agents }, (_, index) => `[agents.n${index}]\naccount = ${index + 1}`)
  ].join("\n")

interface Place {
  readonly relay: string
  readonly wallet: string | undefined
}

/** A home with so many agents. */
const home = Effect.fnUntraced(function* (
  { relay, wallet }: Place,
  agents: number,
  heartbeatSeconds: number
) {
  const fs = yield* FileSystem.FileSystem
  const environment = yield* Bundle.home
  yield* fs.writeFileString(
    join(environment.FARTHING_HOME, "farthing.toml"),
    configuration(agents, heartbeatSeconds),
    { mode: 0o600 }
  )
  return {
    ...environment,
    FARTHING_NETWORK: "regtest",
    FARTHING_RELAYS_URLS: relay,
    FARTHING_IDENTITY_MNEMONIC: words,
    FARTHING_WALLET_NWC_URI: wallet,
    FARTHING_WORKER_PORT: "0",
    FARTHING_WORKER_STOP_WITHIN: "1 second"
  }
})

const isUp = '"agents is ready"'

/** What a worker of a home takes to be ready, and what its heap holds then. */
const started = Effect.fnUntraced(function* (environment: Bundle.Environment, main: string) {
  const { result: worker, wall } = yield* timed(
    Effect.tap(Bundle.run(environment, main), (worker) => worker.says(isUp))
  )
  const heap = yield* worker.heap
  yield* worker.stop
  return { seconds: wall, heap }
}, Effect.scoped)

const many = 10_000

export const atRest: Row = {
  name: "agents-at-rest",
  title: "a worker of ten thousand agents that wait",
  measure: Effect.gen(function* () {
    const main = yield* Bundle.worker
    const { relay, wallets } = yield* Processes.market({ accounts: 1 })
    const place = { relay, wallet: wallets[0] }
    const lonely = yield* started(yield* home(place, 1, 86_400), main)
    const crowded = yield* home(place, many, 86_400)
    // Who starts for the first time writes them down.
    yield* started(crowded, main)
    const full = yield* started(crowded, main)
    return measured([
      {
        what: "an agent that waits, in a worker of 10,000: heap",
        unit: "kB",
        value: (full.heap - lonely.heap) / (many - 1) / 1_000,
        bar: atMost("value", 20)
      },
      {
        what: "a worker of 10,000 agents is ready",
        unit: "s",
        value: full.seconds,
        baseline: { name: "of one agent", value: lonely.seconds },
        bar: atMost("value", 5)
      }
    ])
  })
}

/** The histogram of the worker's lateness: for each bound in seconds how many ticks came within it. */
const latenessOf = (exposition: string): ReadonlyArray<readonly [bound: number, ticks: number]> =>
  Array.from(
    exposition.matchAll(/^farthing_agent_lateness_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm),
    ([, bound, ticks]) => [bound === "+Inf" ? Infinity : Number(bound), Number(ticks)]
  )

/** The smallest bound within which such a share of the ticks began. */
const boundOf = (buckets: ReturnType<typeof latenessOf>, share: number): number => {
  const all = buckets.at(-1)?.[1] ?? 0
  return buckets.find(([, ticks]) => ticks >= all * share)?.[0] ?? Number.NaN
}

const residents = 1_000
const minutes = 3

export const ticking: Row = {
  name: "agents-ticking",
  title: "a thousand agents that buy a thought a minute",
  measure: Effect.gen(function* () {
    const worker = yield* Bundle.worker
    const { relay, wallets } = yield* Processes.market({ accounts: 2 })
    const shop = {
      ...(yield* Bundle.home),
      FARTHING_NETWORK: "regtest",
      FARTHING_RELAYS_URLS: relay,
      FARTHING_WALLET_NWC_URI: wallets[1]
    }
    const seller = yield* Bundle.run(
      shop,
      yield* Bundle.make,
      "provider",
      "--json",
      "--backend",
      yield* Parrot.start
    )
    yield* seller.says('"online"')
    const running = yield* Bundle.run(
      yield* home({ relay, wallet: wallets[0] }, residents, 60),
      worker
    )
    yield* running.says(isUp)
    const url = yield* running.finds(/"url":"([^"]+)"/)
    yield* Effect.sleep(`${minutes} minutes`)
    const client = yield* HttpClient.HttpClient
    const exposition = yield* client.get(`${url}/metrics`).pipe(
      Effect.flatMap(({ text }) => text),
      Effect.retry({ times: 3, schedule: Schedule.spaced("1 second") })
    )
    const lateness = latenessOf(exposition)
    yield* running.stop
    return measured([
      {
        what: "1,000 agents that tick once a minute: 99 of 100 begin within",
        unit: "s",
        value: boundOf(lateness, 0.99),
        bar: atMost("value", 1)
      },
      {
        what: `ticks that began in ${minutes} minutes`,
        unit: "ticks",
        value: lateness.at(-1)?.[1] ?? 0
      },
      {
        what: "of which came to a thought",
        unit: "ticks",
        value: Number(
          /^farthing_agent_ticks_total\{end="thought"\} (\d+)$/m.exec(exposition)?.[1] ?? 0
        )
      }
    ])
  }).pipe(Effect.provide(NodeHttpClient.layerNodeHttp))
}
