/** The most memory that the processes of the published command have, resident. */
import { Effect } from "effect"
import * as Bundle from "../src/Bundle.ts"
import * as Parrot from "../src/Parrot.ts"
import * as Processes from "../src/Processes.ts"
import { atMost, measured, type Measurement, type Row } from "../src/Row.ts"

const prompt = "What is a farthing? ".repeat(50)

const purchases = 5

/** A provider that sells to some `ask`, and the most that each of both kinds had. */
const sellAndAsk = Effect.fnUntraced(function* (main: string, ...args: ReadonlyArray<string>) {
  const { relay, wallets } = yield* Processes.market({ accounts: 2 })
  const person = (wallet: string | undefined) =>
    Effect.map(Bundle.home, (home) => ({
      ...home,
      FARTHING_NETWORK: "regtest",
      FARTHING_RELAYS_URLS: relay,
      FARTHING_WALLET_NWC_URI: wallet
    }))
  const provider = yield* Bundle.run(yield* person(wallets[0]), main, "provider", "--json", ...args)
  const customer = yield* person(wallets[1])
  yield* provider.says('"online"')
  const asking: Array<number> = []
  for (let index = 0; index < purchases; index++) {
    const ask = yield* Bundle.run(customer, main, "ask", `${prompt} (${index})`)
    asking.push(yield* ask.peak)
    if ((yield* ask.printed) === "") return yield* Effect.die(new Error(yield* ask.told))
  }
  yield* provider.stop
  return { ask: Math.max(...asking), provider: yield* provider.peak }
}, Effect.scoped)

const row = (what: string, value: number, limit: number): Measurement => ({
  what: `${what}: the most memory, from the published bundle`,
  unit: "MB",
  value,
  bar: atMost("value", limit)
})

export const memory: Row = {
  name: "memory",
  title: "resident memory of the published command",
  measure: Effect.gen(function* () {
    const main = yield* Bundle.make
    const http = yield* sellAndAsk(main, "--backend", yield* Parrot.start)
    const embedded = yield* sellAndAsk(main)
    return measured([
      row("farthing ask", Math.max(http.ask, embedded.ask), 120),
      row("farthing provider, HTTP backend", http.provider, 120),
      row("farthing provider, embedded backend", embedded.provider, 200)
    ])
  })
}
