/**
 * The one door to the wallet: reserves budget, pays once, records, recovers.
 */
import type { Bolt11, Msat } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import type { Payer, PaymentFailed, PaymentUnknown } from "@farthing/wallet/Payer"
import type { Effect } from "effect"
import { Context, Layer } from "effect"
import type { SqlClient } from "effect/sql"
import type { AuditReport } from "./Audit.ts"
import type { LimitStatus } from "./Limits.ts"
import type {
  Lock,
  LockSpend,
  PurchaseId,
  Settled,
  Spend,
  SpendOutcome,
  SpendRecord,
  Wish
} from "./Spend.ts"
import type { Entry } from "./Trail.ts"
import * as TreasuryLive from "./TreasuryLive.ts"
import type {
  ApprovalRequired,
  BudgetExhausted,
  LedgerUnavailable,
  PaymentRefused,
  WalletUnavailable
} from "./TreasuryError.ts"

export { PaymentFailed, PaymentUnknown } from "@farthing/wallet/Payer"
export type { AuditReport, Finding } from "./Audit.ts"
export { LimitName } from "./Limits.ts"
export type { LimitStatus } from "./Limits.ts"
export { PurchaseId, SpendOutcome, SpendRecord, SpendState, TickId } from "./Spend.ts"
export type { HtlcSpend, Lock, LockSpend, Settled, Spend, Wish } from "./Spend.ts"
export { Decision, Entry, Refusal } from "./Trail.ts"
export type { Options } from "./TreasuryLive.ts"
export {
  ApprovalRequired,
  BudgetExhausted,
  LedgerUnavailable,
  PaymentRefused,
  WalletUnavailable
} from "./TreasuryError.ts"

export type PayError =
  | PaymentRefused
  | BudgetExhausted
  | ApprovalRequired
  | PaymentFailed
  | PaymentUnknown
  | WalletUnavailable
  | LedgerUnavailable

export interface Status {
  /** `YYYY-MM-DD` in the ledger's time zone. */
  readonly day: string
  /** Why spending is frozen, if it is. */
  readonly frozen: string | undefined
  readonly spentToday: Msat.Msat
  /** Everything whose end is not yet known, with `unknown`, but for what is `released`. */
  readonly held: Msat.Msat
  /** Payments that may have been made; a look-up will tell. */
  readonly unknown: Msat.Msat
  /** Locked at the wallet and not yet taken, with `released`. */
  readonly locked: Msat.Msat
  /** Locks whose preimage went out: they count as spent until they end, and not as held. */
  readonly released: Msat.Msat
  readonly spentEver: Msat.Msat
  /** The limits that do not depend on a tick, a job or a provider. */
  readonly limits: ReadonlyArray<LimitStatus>
}

export interface Shape {
  /**
   * Reserve, pay, settle: at most once per payment hash and purchase.
   *
   * Fails with `PaymentFailed` only if nothing left the wallet; with `PaymentUnknown` it may
   * have, and its reservation stays until `recover` knows. Interruption leaves the ledger true.
   */
  readonly pay: (spend: Spend) => Effect.Effect<Settled, PayError>
  /**
   * Reserve and lock, to an invoice or to an HTLC: returns once the wallet has locked the money to the payment hash, or it is
   * taken already. The same rules as for `pay`: once per payment hash, and once per purchase until
   * the money is provably back. The end is booked in the background while this process lives, and
   * by `recover` afterwards, however long it takes.
   *
   * Fails with `PaymentFailed` only if nothing left the wallet; with `PaymentUnknown` it may be
   * locked, and its reservation stays until `recover` knows.
   */
  readonly lock: (spend: LockSpend) => Effect.Effect<Lock, PayError>
  /**
   * To be called, and durable, before the preimage of a lock of ours goes out: from then on it
   * counts as spent until the wallet says that the money is back. False where nothing is locked (any
   * more), or the preimage belongs to another hash: then it must not go out. The same preimage again
   * is fine. Works inside of the caller's transaction.
   */
  readonly release: (
    paymentHash: Bolt11.PaymentHash,
    preimage: Bolt11.Preimage
  ) => Effect.Effect<boolean, LedgerUnavailable>
  /**
   * Whether a spend of this size is conceivable now; before any request is sent. Amounts that are
   * only held do not count against it if `pay` would wait for them.
   */
  readonly check: (
    wish: Wish
  ) => Effect.Effect<
    void,
    BudgetExhausted | ApprovalRequired | WalletUnavailable | LedgerUnavailable
  >
  /**
   * Says what came of a payment: a provider with deliveries is proven. A late delivery or refund
   * makes up for a loss; neither is ever taken back. A refund restores no limit.
   */
  readonly conclude: (
    paymentHash: Bolt11.PaymentHash,
    outcome: SpendOutcome
  ) => Effect.Effect<void, LedgerUnavailable>
  /**
   * Takes over what a dead process left behind, and looks up what is unknown or locked, whoever
   * locked it; what stays locked is looked up further in the background. Answers with all of it, as it
   * stands now. Call it on start, and whenever something is unknown.
   */
  readonly recover: Effect.Effect<ReadonlyArray<SpendRecord>, WalletUnavailable | LedgerUnavailable>
  /** The payments of a purchase, oldest first. */
  readonly find: (
    purchase: PurchaseId
  ) => Effect.Effect<ReadonlyArray<SpendRecord>, LedgerUnavailable>
  /** Every decision about a purchase, oldest first: refusals, payments and what came of them. */
  readonly history: (purchase: PurchaseId) => Effect.Effect<ReadonlyArray<Entry>, LedgerUnavailable>
  readonly status: Effect.Effect<Status, LedgerUnavailable>
  /** Stops all spending at once: nothing is reserved any more, and so nothing is paid. */
  readonly freeze: (reason: string) => Effect.Effect<void, LedgerUnavailable>
  readonly unfreeze: Effect.Effect<void, LedgerUnavailable>
  /** Re-derives every total from the entries and compares with the wallet's own transactions. */
  readonly audit: Effect.Effect<AuditReport, WalletUnavailable | LedgerUnavailable>
}

export class Treasury extends Context.Service<Treasury, Shape>()("@farthing/budget/Treasury") {}

/** Over a spend ledger in SQL and the wallet's `Payer`. */
export const layer = (
  options: TreasuryLive.Options
): Layer.Layer<Treasury, LedgerUnavailable, SqlClient.SqlClient | Wallet.Wallet | Payer> =>
  Layer.effect(Treasury, TreasuryLive.make(options))
