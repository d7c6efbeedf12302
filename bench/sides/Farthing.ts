/** A customer and a provider of ours, with everything on, in one process with their bank. */
import { type Limits, Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Key, Msat } from "@farthing/protocol"
import { ComputeProvider, InferenceBackend, SqlProviderBook } from "@farthing/provider"
import { Relay, Signer } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook, LedgerWallet } from "@farthing/wallet"
import { Context, Duration, Effect, Layer, Stream } from "effect"
import { join } from "node:path"
import * as Load from "../src/Load.ts"
import { answerTo, type Workload } from "../src/Workload.ts"

const network = "regtest"
const price = Msat.make(10_000)
const budget = Msat.make(20_000)
const fortune = Msat.make(10_000_000_000)

const limits: Limits.Limits = {
  reserve: Msat.zero,
  perJob: budget,
  maxFee: Msat.make(10_000),
  maxFeePercent: 1,
  wait: Duration.seconds(10),
  timeZone: "UTC"
}

/** Answers at once, so that what is measured is the market. */
const echo = Layer.succeed(InferenceBackend.InferenceBackend)({
  name: "echo",
  models: Effect.succeed(["echo"]),
  infer: ({ prompt }) =>
    Stream.make(
      { _tag: "Text" as const, text: answerTo(prompt) },
      { _tag: "Finish" as const, reason: "stop", tokensIn: 1, tokensOut: 1 }
    )
})

const bank = BankBook.layer({ network }).pipe(Layer.provide(Sqlite.layer({ filename: ":memory:" })))

const person = (folder: string, name: string) => {
  const signer = Signer.make(Key.generate())
  return Layer.mergeAll(
    Layer.succeed(Signer.Signer)(signer),
    Sqlite.layer({ filename: join(folder, `${name}.db`) }),
    LedgerWallet.layer({ account: name })
  )
}

export const run = Effect.fnUntraced(function* (workload: Workload, folder: string) {
  const connection = Relay.layer({ urls: [workload.relay] })
  const money = yield* Layer.build(bank)
  const build = <A, E, R>(layer: Layer.Layer<A, E, R>) =>
    Layer.build(Layer.fresh(layer)).pipe(Effect.provide(money))

  const provider = yield* build(
    ComputeProvider.layer({
      name: "echo",
      network,
      priceMsats: price,
      capacity: 1_000,
      queue: 10_000,
      unpaidPerCustomer: 10_000,
      requestsPerMinute: 1_000_000
    }).pipe(
      Layer.provide([echo, SqlProviderBook.layer, connection]),
      Layer.provide(Treasury.layer({ network, limits, budget: "refunds" })),
      Layer.provide(person(folder, "provider"))
    )
  )
  yield* Context.get(provider, ComputeProvider.ComputeProvider).online

  const customer = Effect.fnUntraced(function* (name: string) {
    yield* Context.get(money, Bank.Bank).open(name, fortune)
    const context = yield* build(
      ComputeClient.layer({ network }).pipe(
        Layer.provide(Treasury.layer({ network, limits })),
        Layer.provide(connection),
        Layer.provide(person(folder, name))
      )
    )
    const client = Context.get(context, ComputeClient.ComputeClient)
    return (prompt: string) =>
      Effect.map(client.requestInference({ prompt, budget }), ({ text }) => text)
  })
  const customers = yield* Effect.forEach(
    Array.from({ length: workload.agents }, (_, index) => `customer ${index}`),
    customer
  )
  return yield* Load.run(workload, customers)
})
