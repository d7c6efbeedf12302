/** Locks through the Treasury, and what their payee does with them. */
import { Bolt11, Msat } from "@farthing/protocol"
import { Bank, Wallet } from "@farthing/wallet"
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import type { Spend } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import { fee, funds, holdInvoice, sats, spend } from "./Fixture.ts"

/** What 100 sats cost, and what is held for them. */
export const cost = Msat.add(sats(100), fee)
export const hold = sats(110)

export const newPreimage = Effect.sync(() => Bolt11.Preimage.make(randomBytes(32).toString("hex")))

/** A wish to lock 100 sats, and the preimage that takes them. */
export const wishing = Effect.fnUntraced(function* (rest: Partial<Spend> = {}) {
  const preimage = yield* newPreimage
  const invoice = yield* holdInvoice(sats(100), preimage)
  const wish = yield* spend(sats(100), { invoice, ...rest })
  const { paymentHash } = invoice
  return {
    wish,
    preimage,
    paymentHash,
    record: Effect.flatMap(Treasury.Treasury, ({ find }) =>
      Effect.map(find(wish.purchase), (spends) =>
        spends.find((spend) => spend.paymentHash === paymentHash)
      )
    )
  }
})

/** 100 sats that are locked. */
export const locked = Effect.fnUntraced(function* (rest?: Partial<Spend>) {
  const wished = yield* wishing(rest)
  const treasury = yield* Treasury.Treasury
  return { ...wished, lock: yield* treasury.lock(wished.wish) }
})

/** The payee takes the money. */
export const claim = (preimage: Bolt11.Preimage) =>
  Effect.flatMap(Bank.Bank, (bank) => bank.settleHold("provider", preimage))

/** The payee gives it back. */
export const giveBack = (paymentHash: Bolt11.PaymentHash) =>
  Effect.flatMap(Bank.Bank, (bank) => bank.cancelHold("provider", paymentHash))

/** What has left the wallet, locks included. */
export const taken = Effect.flatMap(Wallet.Wallet, ({ balance }) =>
  Effect.map(balance, (left) => Msat.subtract(funds, left))
)

/** What the ledger says, and whether it agrees with itself and the wallet. */
export const books = Effect.gen(function* () {
  const treasury = yield* Treasury.Treasury
  const { frozen, held, locked, released, spentEver: spent, unknown } = yield* treasury.status
  const { findings, unexplained } = yield* treasury.audit
  return {
    spent,
    held,
    unknown,
    locked,
    released,
    frozen: frozen !== undefined,
    findings: findings.map(({ kind }) => kind),
    unexplained
  }
})

export const nothing = {
  spent: Msat.zero,
  held: Msat.zero,
  unknown: Msat.zero,
  locked: Msat.zero,
  released: Msat.zero,
  frozen: false,
  findings: [],
  unexplained: Msat.zero
}
