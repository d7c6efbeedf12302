/**
 * Everything that can go wrong with a purchase. Each error says what happened, to whom, what it
 * cost and what to do.
 */
import type { Treasury } from "@farthing/budget"
import { AgentMessage, Key, Msat } from "@farthing/protocol"
import type { Relay } from "@farthing/relay"
import { Schema } from "effect"

/** Nobody sells, as far as our relays know. */
export class NoProviders extends Schema.TaggedError<NoProviders>()("NoProviders", {
  message: Schema.String
}) {}

/** Providers are there, but none within the budget or matching the selection. */
export class NoProviderWithinBudget extends Schema.TaggedError<NoProviderWithinBudget>()(
  "NoProviderWithinBudget",
  { budget: Msat.Msat, cheapest: Schema.optionalKey(Msat.Msat), message: Schema.String }
) {}

/** No way of settling that was asked for is one that the wallet and a provider can do. */
export class SettlementUnavailable extends Schema.TaggedError<SettlementUnavailable>()(
  "SettlementUnavailable",
  { message: Schema.String }
) {}

export class ProviderRefused extends Schema.TaggedError<ProviderRefused>()("ProviderRefused", {
  provider: Key.PublicKey,
  code: AgentMessage.JobErrorCode,
  message: Schema.String
}) {}

export class QuoteTimeout extends Schema.TaggedError<QuoteTimeout>()("QuoteTimeout", {
  provider: Key.PublicKey,
  message: Schema.String
}) {}

export const InvoiceFault = Schema.Literals([
  "undecodable",
  "wrong_network",
  "settlement_not_asked",
  "rail_not_asked",
  "no_amount",
  "amount_mismatch",
  "above_price",
  "above_budget",
  "hash_mismatch",
  "expired",
  "expires_too_soon",
  "cltv_too_long",
  "reused",
  "hold_in_upfront",
  "downgraded",
  "no_hold",
  "hash_not_ours",
  "lock_too_short",
  "lock_too_long",
  "purchase_already_paid"
])
export type InvoiceFault = typeof InvoiceFault.Type

/** The provider's invoice is not one that may be paid; final for this provider. */
export class InvoiceRejected extends Schema.TaggedError<InvoiceRejected>()("InvoiceRejected", {
  provider: Key.PublicKey,
  reason: InvoiceFault,
  message: Schema.String
}) {}

const paid = {
  provider: Key.PublicKey,
  /** What left the wallet. */
  cost: Msat.Msat,
  /** What is locked for it and comes back by itself, unless a late delivery takes it. */
  held: Schema.optionalKey(Msat.Msat),
  /** What of it came back; the message tells of what is only promised. */
  refund: Schema.optionalKey(Msat.Msat),
  message: Schema.String
}

/**
 * Paid, or locked, and nothing (more) came in time. What was paid is recorded as lost until the
 * result arrives late.
 */
export class DeliveryTimeout extends Schema.TaggedError<DeliveryTimeout>()(
  "DeliveryTimeout",
  paid
) {}

/** Paid, and the stream ended without its end. */
export class DeliveryTruncated extends Schema.TaggedError<DeliveryTruncated>()(
  "DeliveryTruncated",
  paid
) {}

/**
 * Paid, and what came is not what was announced (digest, order, size), or the provider failed or
 * gave the money back.
 */
export class DeliveryInvalid extends Schema.TaggedError<DeliveryInvalid>()(
  "DeliveryInvalid",
  paid
) {}

/** How it is told that no whole text came. */
export const undelivered = (
  reason: "nothing" | "truncated" | "invalid",
  fields: Omit<ConstructorParameters<typeof DeliveryTimeout>[0], "_tag">
): DeliveryTimeout | DeliveryTruncated | DeliveryInvalid => {
  switch (reason) {
    case "nothing":
      return new DeliveryTimeout(fields)
    case "truncated":
      return new DeliveryTruncated(fields)
    case "invalid":
      return new DeliveryInvalid(fields)
  }
}

export class RelayUnavailable extends Schema.TaggedError<RelayUnavailable>()("RelayUnavailable", {
  message: Schema.String
}) {}

/** What a relay's failure means to a purchase. */
export const relayUnavailable = ({ reason }: Relay.RelayError): RelayUnavailable =>
  new RelayUnavailable({
    message:
      reason._tag === "TooLarge"
        ? `The message has ${reason.bytes} bytes and the relays take ${reason.limit}: shorten it`
        : reason.message
  })

export type ComputeError =
  | NoProviders
  | NoProviderWithinBudget
  | SettlementUnavailable
  | ProviderRefused
  | QuoteTimeout
  | InvoiceRejected
  | Treasury.BudgetExhausted
  | Treasury.ApprovalRequired
  | Treasury.PaymentFailed
  | Treasury.PaymentUnknown
  | DeliveryTimeout
  | DeliveryTruncated
  | DeliveryInvalid
  | RelayUnavailable
  | Treasury.WalletUnavailable
  | Treasury.LedgerUnavailable
