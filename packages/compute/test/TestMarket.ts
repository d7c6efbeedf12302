/** A whole market in one process: a relay, a bank, and a customer with a budget. */
import { type Limits, Treasury } from "@farthing/budget"
import { Key, Msat, Sat } from "@farthing/protocol"
import { Relay, Signer } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook, Faults, LedgerWallet, Wallet } from "@farthing/wallet"
import { Duration, Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ComputeClient from "../src/ComputeClient.ts"

export const sats = (amount: number): Msat.Msat => Sat.toMsat(Sat.make(amount))

/** What the bank takes for each payment. */
export const fee = sats(1)

const limits: Limits.Limits = {
  reserve: Msat.zero,
  maxFee: sats(10),
  maxFeePercent: 1,
  wait: Duration.zero,
  timeZone: "UTC"
}

/** What the customer shares with others: the relay, and a bank that errs on demand. */
export const world = Layer.effectDiscard(
  Effect.gen(function* () {
    const bank = yield* Bank.Bank
    yield* bank.open("customer", sats(1_000_000))
  })
).pipe(
  Layer.provideMerge(Faults.layer),
  Layer.provide(
    BankBook.layer({ network: "regtest", fees: { base: fee, ppm: 0 }, lookAround: "1 day" })
  ),
  Layer.provide(Sqlite.layer({ filename: ":memory:" })),
  Layer.merge(Relay.layerMemory)
)

export interface Customer {
  readonly secret?: Key.SecretKey
  readonly filename?: string
  readonly limits?: Partial<Limits.Limits>
  readonly options?: Partial<ComputeClient.Options>
  /** How the client sees the wallet, if not as it is. */
  readonly wallet?: (real: Wallet.Shape) => Wallet.Shape
  /** What holds its money; default: an account at the bank. */
  readonly purse?: typeof purse
}

const purse = LedgerWallet.layer({ account: "customer" })

/** A customer with a home of its own; its client may see another Treasury than the real one. */
export const customer = (
  who: Customer = {},
  seen: Layer.Layer<Treasury.Treasury, never, Treasury.Treasury> = Layer.effect(
    Treasury.Treasury,
    Treasury.Treasury
  )
) =>
  customerWith(
    ComputeClient.layer({ network: "regtest", ...who.options }).pipe(
      Layer.provide([
        seen,
        Layer.effect(Wallet.Wallet, Effect.map(Wallet.Wallet, who.wallet ?? ((real) => real)))
      ])
    ),
    who
  )

/** The same with any client. */
export const customerWith = <A, E, R>(client: Layer.Layer<A, E, R>, who: Customer = {}) =>
  client.pipe(
    Layer.provideMerge(
      Treasury.layer({ network: "regtest", limits: { ...limits, ...who.limits } })
    ),
    Layer.provide(who.purse ?? purse),
    Layer.provide(Signer.layer(who.secret ?? Key.generate())),
    Layer.provideMerge(Sqlite.layer({ filename: who.filename ?? ":memory:" }))
  )

/** A market with one customer in it. */
export const market = (who: Customer = {}) => customer(who).pipe(Layer.provideMerge(world))

/** A database file that lasts as long as the scope. */
export const databaseFile = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "farthing-compute-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
).pipe(Effect.map((directory) => join(directory, "farthing.db")))

/** What the customer has at the bank. */
export const balance = Effect.flatMap(Bank.Bank, (bank) => bank.balance("customer"))
