/** A treasury on a real SQLite file, and an agent's account at a real bank that errs on demand. */
import { Bolt11, Key, Msat, Sat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook, Faults, LedgerWallet } from "@farthing/wallet"
import { Duration, Effect, Layer } from "effect"
import type { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type * as Limits from "../src/Limits.ts"
import { PurchaseId, TickId } from "../src/Spend.ts"
import type { Spend } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"

export const sats = (amount: number): Msat.Msat => Sat.toMsat(Sat.make(amount))

export const seconds = (amount: number): Duration.Duration => Duration.seconds(amount)

/** No limit but that on fees: at most 10 sats. */
export const open: Limits.Limits = {
  reserve: Msat.zero,
  maxFee: sats(10),
  maxFeePercent: 1,
  wait: Duration.zero,
  timeZone: "UTC"
}

/** The fee that the bank takes for each payment. */
export const fee = sats(1)

export const funds = sats(1_000_000)

/** A database file that lasts as long as the scope. */
export const databaseFile = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "farthing-budget-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
).pipe(Effect.map((directory) => join(directory, "farthing.db")))

/** One process, and nobody pulls the plug: it need not wait for the disk. */
export const database = Layer.unwrap(
  Effect.map(databaseFile, (filename) => Sqlite.layer({ filename, synchronous: "NORMAL" }))
)

/** A bank where the agent has money and the provider none, which looks for locks that ran out so often. */
const bank = (lookAround: Duration.Input) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const bank = yield* Bank.Bank
      yield* bank.open("agent")
      yield* bank.open("provider")
      if ((yield* bank.balance("agent")) === 0) yield* bank.deposit("agent", funds)
    })
  ).pipe(
    Layer.provideMerge(Faults.layer),
    Layer.provide(BankBook.layer({ network: "regtest", fees: { base: fee, ppm: 0 }, lookAround }))
  )

const walletAt = (lookAround: Duration.Input) =>
  LedgerWallet.layer({ account: "agent" }).pipe(Layer.provideMerge(bank(lookAround)))

export const wallet = walletAt("500 millis")

/** For those who wait for days. */
export const patientWallet = walletAt("30 minutes")

type Options = Partial<Omit<Treasury.Options, "limits">>

/** A world in a database of its own, which lasts as long as the scope. */
export const world = (limits?: Partial<Limits.Limits>, options?: Options) =>
  worldIn(database, limits, options)

/** A world that may share its database with others. */
export const worldIn = <E>(
  database: Layer.Layer<SqlClient.SqlClient, E>,
  limits: Partial<Limits.Limits> = {},
  options: Options = {},
  at = wallet
) =>
  Treasury.layer({ network: "regtest", ...options, limits: { ...open, ...limits } }).pipe(
    Layer.provideMerge(at),
    Layer.provideMerge(database)
  )

/** A world in which days pass. */
export const patientWorld = worldIn(database, {}, {}, patientWallet)

export const payee = (n: number): Key.PublicKey =>
  Key.PublicKey.make(n.toString(16).padStart(64, "0"))

/** An invoice of the provider's account at the bank. */
export const invoice = Effect.fnUntraced(function* (amount: Msat.Msat) {
  const bank = yield* Bank.Bank
  const { bolt11 } = yield* bank.makeInvoice("provider", {
    amount,
    description: "one thought",
    expiry: "10 minutes"
  })
  return yield* Effect.fromResult(Bolt11.decode(bolt11))
})

/** One whose money is locked until the preimage is shown. */
export const holdInvoice = Effect.fnUntraced(function* (
  amount: Msat.Msat,
  preimage: Bolt11.Preimage
) {
  const bank = yield* Bank.Bank
  const { bolt11 } = yield* bank.makeInvoice("provider", {
    amount,
    description: "one thought",
    expiry: "10 minutes",
    paymentHash: Bolt11.hashOf(preimage)
  })
  return yield* Effect.fromResult(Bolt11.decode(bolt11))
})

/** A spend of its own purchase and tick, with enough cap for any fee. */
export const spend = Effect.fnUntraced(function* (amount: Msat.Msat, rest: Partial<Spend> = {}) {
  const asked = rest.invoice ?? (yield* invoice(amount))
  return {
    purchase: PurchaseId.make(randomUUID()),
    tick: TickId.make(randomUUID()),
    payee: payee(1),
    cap: Msat.add(amount, sats(100)),
    approved: false,
    ...rest,
    invoice: asked
  } satisfies Spend
})
