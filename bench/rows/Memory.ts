/** The most memory that the processes of the published command have, resident. */
import { Effect, Stream } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Bundle from "../src/Bundle.ts"
import * as Processes from "../src/Processes.ts"
import { atMost, measured, type Measurement, type Row } from "../src/Row.ts"

/** As small as a server of OpenAI's kind can be: one model that always says the same. */
const backend = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
    const choice = { index: 0, message: { role: "assistant", content: "4 farthings" } }
    const server = createServer((request, response) => {
      response.setHeader("content-type", "application/json")
      response.end(
        JSON.stringify(
          request.url?.endsWith("/models") === true
            ? { object: "list", data: [{ id: "model", object: "model" }] }
            : { choices: [{ ...choice, finish_reason: "stop" }], usage: {} }
        )
      )
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      const close = () => {
        server.close()
        server.closeAllConnections()
      }
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}/v1`, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

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
  yield* Stream.runHead(Stream.filter(provider.lines, (line) => line.includes('"online"')))
  const asking: Array<number> = []
  for (let index = 0; index < purchases; index++) {
    const ask = yield* Bundle.run(customer, main, "ask", `${prompt} (${index})`)
    const [text, peak] = yield* Effect.all([Stream.mkString(ask.lines), ask.peak], {
      concurrency: 2
    })
    if (text === "") return yield* Effect.die(new Error("nothing was bought"))
    asking.push(peak)
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
    const { url } = yield* backend
    const http = yield* sellAndAsk(main, "--backend", url)
    const embedded = yield* sellAndAsk(main)
    return measured([
      row("farthing ask", Math.max(http.ask, embedded.ask), 120),
      row("farthing provider, HTTP backend", http.provider, 120),
      row("farthing provider, embedded backend", embedded.provider, 200)
    ])
  })
}
