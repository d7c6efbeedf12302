/** When the next provider may be asked, and which of several failures is told. */
import { Array as Arr, Effect } from "effect"
import type { ComputeError } from "./ComputeError.ts"

/**
 * Tries one after the other until one succeeds, or fails in a way that the next one cannot mend.
 * Fails with the most telling of the errors met.
 */
export const inTurn = <A, B, E extends ComputeError, R>(
  candidates: Arr.NonEmptyReadonlyArray<A>,
  attempt: (candidate: A) => Effect.Effect<B, E, R>
): Effect.Effect<B, E, R> => {
  const [first, ...others] = candidates
  if (!Arr.isArrayNonEmpty(others)) return attempt(first)
  return Effect.catchIf(attempt(first), isFree, (error) =>
    Effect.mapError(inTurn(others, attempt), (later) => mostTelling([error, later]))
  )
}

/**
 * Whether nothing was paid, nothing can be paid any more, and the cause lies with this provider
 * alone.
 */
export const isFree = (error: ComputeError): boolean => {
  switch (error._tag) {
    case "QuoteTimeout":
    case "ProviderRefused":
      return true
    case "InvoiceRejected":
      return error.reason !== "purchase_already_paid"
    case "BudgetExhausted":
      return limitsOfOneProvider.has(error.limit)
    case "PaymentFailed":
      return failuresOfOneInvoice.has(error.reason)
    case "DeliveryTimeout":
    case "DeliveryTruncated":
    case "DeliveryInvalid":
      return error.cost === 0 && error.held === undefined
    default:
      return false
  }
}

const limitsOfOneProvider: ReadonlySet<string> = new Set([
  "per_provider_daily_sats",
  "first_spend_limit_sats",
  "unproven_daily_limit_sats"
])

const failuresOfOneInvoice: ReadonlySet<string> = new Set([
  "no_route",
  "expired",
  "already_paid",
  "fee_too_high"
])

/**
 * What stops a purchase comes first; then what happened furthest on the way to a result. Of
 * several alike it is the last.
 */
export const mostTelling = <E extends ComputeError>(errors: Arr.NonEmptyReadonlyArray<E>): E =>
  errors.reduce((told, error) => (weight(error) >= weight(told) ? error : told))

const weight = (error: ComputeError): number => {
  if (!isFree(error)) return 5
  switch (error._tag) {
    case "PaymentFailed":
    case "DeliveryTimeout":
    case "DeliveryTruncated":
    case "DeliveryInvalid":
      return 4
    case "InvoiceRejected":
      return 3
    case "ProviderRefused":
      return 2
    case "BudgetExhausted":
      return 1
    default:
      return 0
  }
}
