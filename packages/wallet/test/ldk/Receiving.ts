/**
 * How a node is paid. Invoices that are simply paid are written by the node itself; those whose
 * payment it holds are written by us, with the node's key and its payment secret.
 */
import { Bolt11, Hex } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import type { Event } from "lightningdevkit"
import * as ldk from "lightningdevkit"
import { Duration, Effect, Option, Result } from "effect"
import * as Account from "./Account.ts"
import * as Invoice from "./Invoice.ts"

/** For how many blocks money is held if nobody says it: a day. */
const usualDelta = 144

export const makeInvoice = (account: Account.Account, request: Wallet.InvoiceRequest) =>
  account.network.act(() => {
    const { amount, description, expiry } = request
    const wish = { amount: Option.some(amount), description, expirySeconds: secondsOf(expiry) }
    return issue(account, Invoice.writtenByLdk(account.node, wish), false)
  })

export const makeHoldInvoice = (account: Account.Account, request: Wallet.HoldInvoiceRequest) =>
  account.network.act(() => {
    const { amount, description, minFinalCltvDelta = usualDelta, paymentHash } = request
    const expirySeconds = secondsOf(request.expiry)
    const expected = account.node.manager.create_inbound_payment_for_hash(
      Hex.toBytes(paymentHash),
      ldk.Option_u64Z.constructor_some(BigInt(amount)),
      expirySeconds,
      ldk.Option_u16Z.constructor_some(minFinalCltvDelta)
    )
    if (!(expected instanceof ldk.Result_ThirtyTwoBytesNoneZ_OK))
      throw new RangeError("no payment can be held like this")
    const draft = {
      network: "regtest",
      amount: Option.some(amount),
      createdAt: account.now(),
      expirySeconds,
      paymentHash,
      paymentSecret: Hex.fromBytes(expected.res),
      description,
      minFinalCltvDelta
    } as const
    return issue(account, Bolt11.encode(draft, account.node.secretKey), true)
  })

/** Takes the money of a held invoice. */
export const settle = (account: Account.Account, preimage: Bolt11.Preimage) =>
  refusable(account, Bolt11.hashOf(preimage), ({ state }) => {
    if (state === "settled") return undefined
    if (state !== "held") return `The invoice is ${state}, not held`
    account.node.manager.claim_funds(Hex.toBytes(preimage))
    return undefined
  })

/** Gives the money of a held invoice back, or voids a pending one. */
export const cancel = (account: Account.Account, paymentHash: Bolt11.PaymentHash) =>
  refusable(account, paymentHash, (issued) => {
    if (issued.state === "settled") return "The invoice is settled"
    if (issued.state === "held") account.node.manager.fail_htlc_backwards(Hex.toBytes(paymentHash))
    Account.update(account, issued, { state: "cancelled" })
    return undefined
  })

/** What the node tells of money that comes in. */
export const hear = (account: Account.Account, event: Event): void => {
  const { manager } = account.node
  if (event instanceof ldk.Event_PaymentClaimable) {
    const issued = issuedOf(account, event.payment_hash)
    const preimage = event.purpose.preimage()
    if (issued?.state !== "pending" || issued.expiresAt <= account.now())
      manager.fail_htlc_backwards(event.payment_hash)
    else if (preimage instanceof ldk.Option_ThirtyTwoBytesZ_Some) manager.claim_funds(preimage.some)
    else if (event.claim_deadline instanceof ldk.Option_u32Z_Some)
      Account.update(account, issued, { state: "held", deadline: event.claim_deadline.some })
  }
  if (event instanceof ldk.Event_PaymentClaimed) {
    const issued = issuedOf(account, event.payment_hash)
    if (issued !== undefined)
      Account.update(account, issued, {
        state: "settled",
        settledAt: Option.some(account.now())
      })
  }
  // Nobody claimed it in time.
  if (
    event instanceof ldk.Event_HTLCHandlingFailed &&
    event.failed_next_destination instanceof ldk.HTLCDestination_FailedPayment
  ) {
    const issued = issuedOf(account, event.failed_next_destination.payment_hash)
    if (issued?.state === "held") Account.update(account, issued, { state: "cancelled" })
  }
}

const secondsOf = (expiry: Duration.Input) => Duration.toSeconds(Duration.fromInputUnsafe(expiry))

const issuedOf = (account: Account.Account, paymentHash: Uint8Array) =>
  account.issued.get(Bolt11.PaymentHash.make(Hex.fromBytes(paymentHash)))

const issue = (account: Account.Account, bolt11: string, hold: boolean): Account.Issued => {
  const invoice = Result.getOrThrow(Bolt11.decode(bolt11))
  const issued: Account.Issued = {
    paymentHash: invoice.paymentHash,
    bolt11,
    amount: Option.getOrThrow(invoice.amount),
    hold,
    createdAt: invoice.createdAt,
    expiresAt: invoice.expiresAt,
    state: "pending",
    deadline: 0,
    settledAt: Option.none()
  }
  account.issued.set(issued.paymentHash, issued)
  return issued
}

/** Does something with a hold invoice of ours, unless it says why not. */
const refusable = (
  account: Account.Account,
  paymentHash: Bolt11.PaymentHash,
  action: (issued: Account.Issued) => string | undefined
): Effect.Effect<void, Wallet.WalletError> =>
  account.network
    .act(() => {
      const issued = account.issued.get(paymentHash)
      if (issued?.hold !== true) return { code: "NOT_FOUND", message: "No such hold invoice" }
      const message = action(issued)
      return message === undefined ? undefined : { code: "OTHER", message }
    })
    .pipe(
      Effect.flatMap((refusal) =>
        refusal === undefined
          ? Effect.void
          : Effect.fail(new Wallet.WalletError({ reason: new Wallet.WalletRefused(refusal) }))
      )
    )
