/** One payment from its reservation to its end: ask the wallet, and book what came of it. */
import { Msat } from "@farthing/protocol"
import type { Bolt11 } from "@farthing/protocol"
import { Payer } from "@farthing/wallet"
import { Effect } from "effect"
import * as Limits from "./Limits.ts"
import type { Proof } from "./Proof.ts"
import { costOf } from "./Spend.ts"
import type { Settled, SpendRecord } from "./Spend.ts"
import type { SpendLedger } from "./SpendLedger.ts"
import { proven, unknown } from "./Submission.ts"
import type { Found, Order, Submission, Unpaid } from "./Submission.ts"
import * as WalletRequest from "./WalletRequest.ts"

/** What is to be paid, and how. */
interface PaymentOrder extends Order {
  readonly invoice: Bolt11.Invoice
}

export interface Options {
  readonly ledger: SpendLedger
  readonly submission: Submission
}

export const make = Effect.fnUntraced(function* ({ ledger, submission }: Options) {
  const payer = yield* Payer.Payer

  const carryOut = (spend: SpendRecord, order: PaymentOrder): Effect.Effect<Settled, Unpaid> =>
    submission.submit(spend, order, {
      ask: submission.believed(spend, ask(spend, order), only(spend)),
      book: (proof) => settle(spend, proof, order)
    })

  const ask = (spend: SpendRecord, { invoice }: PaymentOrder): Effect.Effect<Proof, Unpaid> =>
    proven(spend, payer.pay(WalletRequest.of(spend, invoice)))

  /** The money is gone: a ledger that fails now leaves the payment to recovery. */
  const settle = Effect.fnUntraced(function* (
    spend: SpendRecord,
    proof: Proof,
    { rules: { limits, zone } }: Order
  ) {
    const { booked, today } = yield* Effect.mapError(
      ledger.settleAndCount(spend, proof, zone),
      ({ message }) => unknown(spend, `paid, but not recorded. ${message}`)
    )
    return settled(booked, proof, Limits.leftOfDay(limits, today))
  })

  return carryOut
})

/** A proof alone ends the waiting for a payment. */
const only = (spend: SpendRecord): Found<Proof> => ({
  settled: Effect.succeed,
  begun: (note) => Effect.fail(unknown(spend, note))
})

export const settled = (
  spend: SpendRecord,
  { preimage }: Pick<Proof, "preimage">,
  leftToday: Msat.Msat | undefined
): Settled => ({
  paymentHash: spend.paymentHash,
  preimage,
  amount: spend.amount,
  fee: Msat.subtract(costOf(spend), spend.amount),
  feeKnown: spend.fee !== undefined,
  leftToday
})
