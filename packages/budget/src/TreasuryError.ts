/**
 * Why a spend did not happen. Amounts are told in sats: costs rounded up, limits rounded down.
 */
import { Msat, Sat } from "@farthing/protocol"
import { Schema } from "effect"
import { LimitName } from "./Limits.ts"

const cost = (amount: Msat.Msat): string => `${Sat.fromMsatCeil(amount)} sats`
const most = (amount: Msat.Msat): string => `${Sat.fromMsatFloor(amount)} sats`

/** The spend would break a limit; nothing was paid. */
export class BudgetExhausted extends Schema.TaggedError<BudgetExhausted>()("BudgetExhausted", {
  limit: LimitName,
  most: Msat.Msat,
  spent: Msat.Msat,
  held: Msat.Msat,
  asked: Msat.Msat,
  /** When the limit starts anew (ISO 8601), if it does. */
  resetsAt: Schema.optionalKey(Schema.String),
  /** Why spending is frozen, if it is. */
  frozen: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    switch (this.limit) {
      case "frozen":
        return `Spending is frozen (${this.frozen ?? "no reason given"}). Look at the ledger with an audit, then unfreeze it.`
      case "budget":
        return `${cost(this.asked)} were asked, more than the ${most(this.most)} that this purchase may cost with its fee. Ask with a higher budget, or another provider.`
      case "reserve_sats":
        return `${cost(this.asked)} were asked, but only ${most(this.most)} may leave the wallet without touching reserve_sats (${cost(this.held)} of them are held for other payments). Fund the wallet, or lower reserve_sats.`
      default:
        return `${cost(this.asked)} were asked, but ${this.limit} allows ${most(this.most)}, of which ${cost(this.spent)} are spent and ${cost(this.held)} held. ${advice(this)}`
    }
  }
}

const advice = ({ limit, resetsAt, held }: BudgetExhausted): string => {
  if (resetsAt !== undefined) return `Wait until ${resetsAt}, or raise ${limit}.`
  if (limit === "first_spend_limit_sats") {
    return `A provider gets at most twice what it has delivered. Buy less from it, or raise ${limit}.`
  }
  return held > 0
    ? `Wait until what is held is resolved, or raise ${limit}.`
    : `Ask for less, or raise ${limit}.`
}

/** A person has to agree to a spend of this size. */
export class ApprovalRequired extends Schema.TaggedError<ApprovalRequired>()("ApprovalRequired", {
  asked: Msat.Msat,
  above: Msat.Msat
}) {
  override get message(): string {
    return `${cost(this.asked)} were asked, and a person has to approve more than ${most(this.above)}. Approve it, or raise approval_above_sats.`
  }
}

/** The invoice is one that must not be paid. */
export class PaymentRefused extends Schema.TaggedError<PaymentRefused>()("PaymentRefused", {
  reason: Schema.Literals([
    "wrong_network",
    "no_amount",
    "expired",
    "cltv_too_long",
    "lock_too_long",
    "already_used",
    "purchase_already_paid"
  ]),
  message: Schema.String
}) {}

/** The wallet cannot be asked at all; nothing was paid. */
export class WalletUnavailable extends Schema.TaggedError<WalletUnavailable>()(
  "WalletUnavailable",
  { message: Schema.String }
) {}

/** The spend ledger cannot be read or written; without it nothing is paid. */
export class LedgerUnavailable extends Schema.TaggedError<LedgerUnavailable>()(
  "LedgerUnavailable",
  { message: Schema.String }
) {}
