/** A customer and a provider of ours, with everything on. */
import { type Limits, Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Key, Msat, NwcUri } from "@farthing/protocol"
import { ComputeProvider, InferenceBackend, SqlProviderBook } from "@farthing/provider"
import { Relay, Signer } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook, LedgerWallet, NwcWallet } from "@farthing/wallet"
import { Context, Duration, Effect, Layer, Redacted, Stream } from "effect"
import { join } from "node:path"
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

/** Of the bank in this process, or of one that serves this connection. */
const wallet = (account: string, uri: string | undefined) =>
  uri === undefined
    ? Layer.provide(
        LedgerWallet.layer({ account }),
        Layer.effectDiscard(Effect.flatMap(Bank.Bank, (bank) => bank.open(account, fortune)))
      )
    : Layer.unwrap(
        Effect.map(Effect.fromResult(NwcUri.parse(Redacted.make(uri))), (it) => NwcWallet.layer(it))
      )

const person = (folder: string, name: string, uri: string | undefined) => {
  const signer = Signer.make(Key.generate())
  return Layer.mergeAll(
    Layer.succeed(Signer.Signer)(signer),
    Sqlite.layer({ filename: join(folder, `${name}.db`) }),
    wallet(name, uri)
  )
}

/** The provider sells, and this is how each customer buys; until the scope closes. */
export const open = Effect.fnUntraced(function* (workload: Workload, folder: string) {
  const { agents, relays, settlement, wallets } = workload
  const connection = Relay.layer({ urls: relays })
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
      settlement: [settlement],
      maxUnpaidSealed: 10_000,
      unpaidPerCustomer: 10_000,
      requestsPerMinute: 1_000_000
    }).pipe(
      Layer.provide([echo, SqlProviderBook.layer, connection]),
      Layer.provide(Treasury.layer({ network, limits, budget: "refunds" })),
      Layer.provide(person(folder, "provider", wallets[0]))
    )
  )
  yield* Context.get(provider, ComputeProvider.ComputeProvider).online

  const customer = Effect.fnUntraced(function* (index: number) {
    const context = yield* build(
      ComputeClient.layer({ network, settlement: [settlement] }).pipe(
        Layer.provide(Treasury.layer({ network, limits })),
        Layer.provide(connection),
        Layer.provide(person(folder, `customer-${index}`, wallets[index + 1]))
      )
    )
    const client = Context.get(context, ComputeClient.ComputeClient)
    return (prompt: string) =>
      Effect.map(client.requestInference({ prompt, budget }), ({ text }) => text)
  })
  return yield* Effect.forEach(
    Array.from({ length: agents }, (_, index) => index),
    customer
  )
})
