/** How a node pays. That a hash is not paid twice, while it knows of it, is the node's own care. */
import { Bolt11, Hex, Msat } from "@farthing/protocol"
import { Payer } from "@farthing/wallet"
import type { Event } from "lightningdevkit"
import * as ldk from "lightningdevkit"
import { Deferred, Effect, Option, Result } from "effect"
import * as Account from "./Account.ts"

/** Returns when the money is there, or back. */
export const pay = (account: Account.Account, request: Payer.PayRequest) =>
  Effect.flatMap(begin(account, request), ({ end }) => Deferred.await(end))

/** Returns when the money has gone as far as it does by itself. */
export const lock = Effect.fnUntraced(function* (
  account: Account.Account,
  request: Payer.PayRequest
) {
  const { end } = yield* begin(account, request)
  const held = account.begun.get(request.invoice.paymentHash)?.record.state === "pending"
  return { end: held ? Deferred.await(end) : Effect.succeed(yield* Deferred.await(end)) }
})

/** What the node tells of money that goes out. */
export const hear = (account: Account.Account, event: Event): void => {
  if (event instanceof ldk.Event_PaymentSent) {
    const begun = begunOf(account, event.payment_hash)
    if (begun !== undefined)
      Account.conclude(account, begun, {
        preimage: Bolt11.Preimage.make(Hex.fromBytes(event.payment_preimage)),
        fee:
          event.fee_paid_msat instanceof ldk.Option_u64Z_Some
            ? Msat.make(Number(event.fee_paid_msat.some))
            : undefined
      })
  }
  if (event instanceof ldk.Event_PaymentFailed) {
    const begun = begunOf(account, event.payment_id)
    const reason =
      event.reason instanceof ldk.Option_PaymentFailureReasonZ_Some ? event.reason.some : undefined
    if (begun !== undefined) Account.conclude(account, begun, failureOf(reason))
  }
}

const begin = (account: Account.Account, request: Payer.PayRequest) =>
  Effect.flatMap(
    account.network.act(() => submit(account, request)),
    Effect.fromResult
  )

const submit = (
  account: Account.Account,
  { expiresAt, invoice, maxFee }: Payer.PayRequest
): Result.Result<Account.Begun, Payer.PaymentFailed> => {
  const earlier = account.begun.get(invoice.paymentHash)
  if (earlier !== undefined && earlier.record.state !== "failed") return Result.succeed(earlier)
  const { manager, routeOf } = account.node
  const now = account.now()
  if (now > expiresAt) return refuse("expired", "The order to pay has expired")
  if (now >= invoice.expiresAt) return refuse("expired", "The invoice has expired")
  if (Option.isNone(invoice.amount)) return refuse("refused", "The invoice has no amount")
  if (Account.balanceOf(account) < invoice.amount.value)
    return refuse("insufficient_balance", "There is not so much")

  const parsed = ldk.Bolt11Invoice.constructor_from_str(invoice.bolt11)
  if (!(parsed instanceof ldk.Result_Bolt11InvoiceParseOrSemanticErrorZ_OK))
    return refuse("refused", "The node does not understand the invoice")
  const wanted = ldk.UtilMethods.constructor_payment_parameters_from_invoice(parsed.res)
  if (
    !(
      wanted instanceof
      ldk.Result_C3Tuple_ThirtyTwoBytesRecipientOnionFieldsRouteParametersZNoneZ_OK
    )
  )
    return refuse("refused", "The node cannot pay the invoice")

  const hash = wanted.res.get_a()
  const route = wanted.res.get_c()
  route.set_max_total_routing_fee_msat(ldk.Option_u64Z.constructor_some(BigInt(maxFee)))
  const once = ldk.Retry.constructor_attempts(0)
  const begun: Account.Begun = {
    record: {
      paymentHash: invoice.paymentHash,
      bolt11: invoice.bolt11,
      amount: invoice.amount.value,
      state: "pending",
      fee: Option.none(),
      preimage: Option.none(),
      createdAt: now,
      settledAt: Option.none()
    },
    end: Deferred.makeUnsafe()
  }
  if (manager.send_payment(hash, wanted.res.get_b(), hash, route, once).is_ok()) {
    // A payment that is tried again is the newest.
    account.begun.delete(invoice.paymentHash)
    account.begun.set(invoice.paymentHash, begun)
    return Result.succeed(begun)
  }
  route.set_max_total_routing_fee_msat(ldk.Option_u64Z.constructor_none())
  return routeOf(route) === undefined
    ? refuse("no_route", "No way leads there")
    : refuse("fee_too_high", "No way leads there for that fee")
}

const begunOf = (account: Account.Account, paymentHash: Uint8Array) =>
  account.begun.get(Bolt11.PaymentHash.make(Hex.fromBytes(paymentHash)))

const failed = (reason: Payer.FailureReason, message: string) =>
  new Payer.PaymentFailed({ reason, message })

const refuse = (reason: Payer.FailureReason, message: string) =>
  Result.fail(failed(reason, message))

const failureOf = (reason: ldk.PaymentFailureReason | undefined): Payer.PaymentFailed => {
  switch (reason) {
    case ldk.PaymentFailureReason.LDKPaymentFailureReason_RecipientRejected:
      return failed("refused", "The payee does not take it")
    case ldk.PaymentFailureReason.LDKPaymentFailureReason_PaymentExpired:
      return failed("expired", "The invoice has expired")
    default:
      return failed("no_route", "It could not get there")
  }
}
