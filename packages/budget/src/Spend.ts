/**
 * A spend and what becomes of it: the words that the ledger and the Treasury share.
 */
import { Bolt11, Key, Msat } from "@farthing/protocol"
import type { PaymentRequest, SparkHtlc } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import type { PaymentFailed, PaymentUnknown } from "@farthing/wallet/Payer"
import type { Effect, Redacted } from "effect"
import { Schema, SchemaTransformation } from "effect"
import * as BudgetDay from "./BudgetDay.ts"

/** One wish for a result: all its requests, quotes, attempts and its one payment. */
export const PurchaseId = Schema.NonEmptyString.pipe(Schema.brand("PurchaseId"))
export type PurchaseId = typeof PurchaseId.Type

/** One turn of an agent; a single `ask` is a tick of its own. */
export const TickId = Schema.NonEmptyString.pipe(Schema.brand("TickId"))
export type TickId = typeof TickId.Type

export interface Spend {
  readonly purchase: PurchaseId
  readonly tick: TickId
  readonly payee: Key.PublicKey
  readonly invoice: Bolt11.Invoice
  /** The most that invoice and fee together may cost. */
  readonly cap: Msat.Msat
  /** A person has agreed to this spend, so the approval threshold does not apply. */
  readonly approved: boolean
  /**
   * There will be no other invoice: where its payment has provably failed, the same purchase may
   * try it again. Default false; a lock is never tried again.
   */
  readonly irreplaceable?: boolean
}

/** Money that is to be locked over Spark; only wallets with the capability `htlc` can. */
export interface HtlcSpend extends Omit<Spend, "invoice" | "irreplaceable"> {
  readonly htlc: SparkHtlc.SparkHtlc
  /** Ours, of the HTLC's payment hash. Nobody but the wallet is given it before it is released. */
  readonly preimage: Redacted.Redacted<Bolt11.Preimage>
}

/** What is to be locked, on either rail. */
export type LockSpend = Spend | HtlcSpend

/** What the payee asks for. */
export const askedFor = (spend: LockSpend): PaymentRequest.PaymentRequest =>
  "htlc" in spend ? spend.htlc : spend.invoice

/** The least that somebody is about to ask for. */
export interface Wish extends Pick<Spend, "tick"> {
  /** What a refusal is remembered under. */
  readonly purchase?: PurchaseId
  readonly amount: Msat.Msat
  readonly payee?: Key.PublicKey
  /** A person has agreed to it; default false. */
  readonly approved?: boolean
}

/** A payment that is done. */
export interface Settled {
  readonly paymentHash: Bolt11.PaymentHash
  readonly preimage: Bolt11.Preimage
  readonly amount: Msat.Msat
  /** What was booked: the fee, or the whole allowed fee while the wallet does not say. */
  readonly fee: Msat.Msat
  readonly feeKnown: boolean
  /** What the daily limit still allows; undefined without one. */
  readonly leftToday: Msat.Msat | undefined
}

/** Money that is locked to a payment hash: whoever shows the preimage takes it, or it comes back. */
export interface Lock {
  readonly paymentHash: Bolt11.PaymentHash
  readonly amount: Msat.Msat
  /** What is held on top of it. */
  readonly allowedFee: Msat.Msat
  /** What the daily limit still allows; undefined without one. */
  readonly leftToday: Msat.Msat | undefined
  /**
   * What became of it, once that is booked, however long it takes; can be asked for again and
   * again. Fails with `PaymentFailed` once the money is back, and with `PaymentUnknown` only where
   * this process goes away before: then `recover` learns it.
   */
  readonly end: Effect.Effect<Settled, PaymentFailed | PaymentUnknown>
}

/**
 * - `intended`: reserved, not yet given to the wallet; ledgers of earlier versions knew it
 * - `submitted`: reserved and given to the wallet, which has not answered
 * - `held`: locked, not yet taken; with a preimage it is released, and whoever has it may take it
 * - `settled`: paid
 * - `failed`: the money did not leave and will not leave any more
 * - `unknown`: the money may have left; its reservation stays until a look-up tells
 */
export const SpendState = Schema.Literals([
  "intended",
  "submitted",
  "held",
  "settled",
  "failed",
  "unknown"
])
export type SpendState = typeof SpendState.Type

/**
 * What came of a payment: the result, nothing, or the money again. A refund restores no limit and
 * proves no provider.
 */
export const SpendOutcome = Schema.Literals(["delivered", "lost", "refunded"])
export type SpendOutcome = typeof SpendOutcome.Type

/** What a column says with NULL is undefined here. */
export const nullable = <S extends Schema.Constraint>(schema: S) =>
  Schema.NullOr(schema).pipe(
    Schema.decodeTo(
      Schema.UndefinedOr(Schema.toType(schema)),
      SchemaTransformation.transform({
        decode: (value: S["Type"] | null): S["Type"] | undefined => value ?? undefined,
        encode: (value: S["Type"] | undefined): S["Type"] | null => value ?? null
      })
    )
  )

/** A spend as the ledger remembers it. */
export const SpendRecord = Schema.Struct({
  purchase: PurchaseId,
  tick: TickId,
  paymentHash: Bolt11.PaymentHash,
  payee: Key.PublicKey,
  /** The invoice, or the text of an HTLC. */
  bolt11: Schema.String,
  /** The wallet that pays it; undefined if it was reserved before ledgers kept that. */
  wallet: nullable(Wallet.WalletId),
  state: SpendState,
  amount: Msat.Msat,
  allowedFee: Msat.Msat,
  /** The fee that was paid; undefined until the wallet says it. */
  fee: nullable(Msat.Msat),
  /** The proof of a payment; of a lock that is held, what was released. */
  preimage: nullable(Bolt11.Preimage),
  outcome: nullable(SpendOutcome),
  /** Its day in the ledger's time zone: the one on which it was reserved. */
  day: BudgetDay.BudgetDay,
  /** Whether the payee had delivered nothing when it was reserved. */
  unproven: Schema.BooleanFromBit,
  /** Whether there will be no other invoice, so that this one may be tried again. */
  irreplaceable: Schema.BooleanFromBit,
  /** Whether money is locked to the hash until somebody shows the preimage. */
  isLock: Schema.BooleanFromBit,
  /** Unix seconds; nobody can take the money of a lock later. Undefined for a payment. */
  lockEndsAt: nullable(Schema.Int),
  /** Unix milliseconds. */
  reservedAt: Schema.Int,
  /** Unix seconds; the invoice must not be paid, nor the HTLC locked, later. */
  invoiceExpiresAt: Schema.Int,
  /** Unix seconds; the wallet must not start the payment later. Undefined until submitted. */
  payExpiresAt: nullable(Schema.Int),
  /** Why it is in its state, for people. */
  note: Schema.String,
  /** The process that takes care of it, and until when (Unix milliseconds; 0: nobody does). */
  leaseOwner: Schema.String,
  leaseUntil: Schema.Int,
  /** Counts the owners; what an earlier owner wants to do is refused. */
  fence: Schema.Int
})
export interface SpendRecord extends Schema.Schema.Type<typeof SpendRecord> {}

/** What may leave the wallet at most for this spend. */
export const holdOf = (spend: Pick<SpendRecord, "amount" | "allowedFee">): Msat.Msat =>
  Msat.add(spend.amount, spend.allowedFee)

/** What a spend costs that is settled or released: with the whole fee reserve while the fee is not known. */
export const costOf = (spend: Pick<SpendRecord, "amount" | "allowedFee" | "fee">): Msat.Msat =>
  Msat.add(spend.amount, spend.fee ?? spend.allowedFee)

/** Whether its end is known. */
export const isResolved = ({ state }: Pick<SpendRecord, "state">): boolean =>
  state === "settled" || state === "failed"

/**
 * Whether the preimage of a lock went out. It counts as spent from then on, until the wallet says
 * that the money is back.
 */
export const isReleased = (spend: Pick<SpendRecord, "state" | "preimage">): boolean =>
  spend.state === "held" && spend.preimage !== undefined

/** How much a spend counts in every total that it is part of. */
export interface Weight {
  readonly spent: Msat.Msat
  readonly held: Msat.Msat
  readonly delivered: Msat.Msat
}

export const nothing: Weight = { spent: Msat.zero, held: Msat.zero, delivered: Msat.zero }

export const weigh = (spend: SpendRecord): Weight => {
  switch (spend.state) {
    case "intended":
    case "submitted":
    case "unknown":
      return held(spend)
    case "held":
      return isReleased(spend) ? spent(spend) : held(spend)
    case "settled":
      return spent(spend)
    case "failed":
      return nothing
  }
}

const held = (spend: SpendRecord): Weight => ({ ...nothing, held: holdOf(spend) })

const spent = (spend: SpendRecord): Weight => ({
  ...nothing,
  spent: costOf(spend),
  delivered: spend.outcome === "delivered" ? costOf(spend) : Msat.zero
})

/** The names of the totals that a spend is part of; undefined where it is not. */
export interface TotalNames {
  readonly lifetime: string
  readonly day: string
  readonly tick: string | undefined
  readonly provider: string | undefined
  readonly providerDay: string | undefined
  readonly unprovenDay: string | undefined
}

export const totalsOf = ({
  day,
  payee,
  tick,
  unproven
}: Pick<SpendRecord, "day" | "unproven"> & {
  readonly payee?: SpendRecord["payee"] | undefined
  readonly tick?: SpendRecord["tick"] | undefined
}): TotalNames => ({
  lifetime: "lifetime",
  day: `day:${day}`,
  tick: tick && `tick:${tick}`,
  provider: payee && `provider:${payee}`,
  providerDay: payee && `provider:${payee}:${day}`,
  unprovenDay: unproven ? `unproven:${day}` : undefined
})
