/** Banks with books of their own. */
import { Bolt11, Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import type { Wallet } from "@farthing/wallet"
import { Bank, BankBook } from "@farthing/wallet"
import { UnixTime } from "@farthing/relay"
import { Effect, Layer } from "effect"

export const fees = { base: Msat.make(1_000), ppm: 5_000 }

/** The bank and, for tests that look inside, the database of its book. */
export const layer = (filename = ":memory:") =>
  BankBook.layer({ network: "regtest", fees, lookAround: "1 hour" }).pipe(
    Layer.provideMerge(Sqlite.layer({ filename, busyTimeout: 50 }))
  )

type Made = Pick<Wallet.Incoming, "bolt11">

/** Pays with no cap on the fee; the order is good for a minute. */
export const pay = Effect.fnUntraced(function* (payer: string, made: Made) {
  const bank = yield* Bank.Bank
  return yield* bank.pay(payer, yield* orderOf(made))
})

/** Locks with no cap on the fee; the order is good for a minute. */
export const lock = Effect.fnUntraced(function* (payer: string, made: Made) {
  const bank = yield* Bank.Bank
  return yield* bank.lock(payer, yield* orderOf(made))
})

const orderOf = Effect.fnUntraced(function* ({ bolt11 }: Made) {
  const invoice = yield* Effect.orDie(Effect.fromResult(Bolt11.decode(bolt11)))
  const now = yield* UnixTime.now
  return { invoice, maxFee: Msat.most, expiresAt: now + 60 }
})
