/** How a Spark wallet asks for money: invoices of the service provider, and HTLCs to its address. */
import type { Network, SparkHtlc } from "@farthing/protocol"
import { Bolt11, Msat, Sat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Duration, Effect, Option, Result } from "effect"
import type { HoldInvoiceRequest, HtlcRequest, InvoiceRequest } from "../Wallet.ts"
import type { InvoiceOrder, Receive, SdkSession } from "./SdkSession.ts"
import type { Kind, SparkBook } from "./SparkBook.ts"
import { invalid, recorded, refused, told, unsupported } from "./SparkErrors.ts"
import { toIncoming } from "./SparkIncoming.ts"

export interface Options {
  readonly session: SdkSession
  readonly book: SparkBook
  readonly network: Network.Network
  readonly canHold: boolean
}

export const make = ({ book, canHold, network, session }: Options) => {
  /** What was asked for, found again in the invoice that was made, and remembered. */
  const accept = Effect.fnUntraced(function* (
    kind: Kind,
    order: InvoiceOrder,
    { bolt11, requestId }: Receive
  ) {
    const invoice = yield* Effect.mapError(Effect.fromResult(Bolt11.decode(bolt11)), () =>
      invalid("The service provider made no good invoice")
    )
    const amount = Sat.toMsat(order.amount)
    if (!Option.contains(invoice.amount, amount)) {
      return yield* invalid("The service provider made an invoice of another amount")
    }
    if (invoice.network !== network) {
      return yield* invalid("The service provider made an invoice of another network")
    }
    const row = {
      payment_hash: invoice.paymentHash,
      kind,
      request_id: requestId,
      bolt11: invoice.bolt11,
      amount,
      created_at: invoice.createdAt,
      expires_at: invoice.expiresAt
    }
    if (!(yield* recorded(book.addIncoming(row)))) return yield* refused("OTHER", used)
    return toIncoming({ ...row, state: "open", held_until: null, settled_at: null })
  })

  const requireUnused = (paymentHash: Bolt11.PaymentHash) =>
    Effect.flatMap(recorded(book.incoming(paymentHash)), (row) =>
      row === undefined ? Effect.void : Effect.fail(refused("OTHER", used))
    )

  return {
    makeInvoice: Effect.fnUntraced(function* (request: InvoiceRequest) {
      const order = yield* orderOf(request)
      return yield* accept("invoice", order, yield* told(session.makeInvoice(order)))
    }),

    makeHoldInvoice: Effect.fnUntraced(function* (request: HoldInvoiceRequest) {
      if (!canHold) return yield* unsupported(noHold)
      const { minFinalCltvDelta = 0, paymentHash } = request
      yield* requireUnused(paymentHash)
      const order = yield* orderOf(request)
      const made = yield* told(session.makeHoldInvoice({ ...order, paymentHash }))
      const invoice = Result.getSuccess(Bolt11.decode(made.bolt11))
      if (Option.exists(invoice, (it) => it.minFinalCltvDelta < minFinalCltvDelta)) {
        return yield* refused("OTHER", "Spark locks money for a shorter time than that")
      }
      return yield* accept("hold", order, made)
    }),

    quoteHtlc: Effect.fnUntraced(function* (request: HtlcRequest) {
      const { paymentHash } = request
      const now = yield* UnixTime.now
      const quote: SparkHtlc.SparkHtlc = {
        network,
        address: session.address,
        amount: Sat.toMsat(yield* satsOf(request.amount)),
        paymentHash,
        expiresAt: now + secondsOf(request.expiry),
        lockSeconds: secondsOf(request.lock)
      }
      const isNew = yield* recorded(
        book.addIncoming({
          payment_hash: paymentHash,
          kind: "htlc",
          request_id: null,
          bolt11: "",
          amount: quote.amount,
          created_at: now,
          expires_at: quote.expiresAt
        })
      )
      return isNew ? quote : yield* refused("OTHER", used)
    })
  } as const
}

const used = "Something else was asked for under that payment hash already"

const noHold =
  "Hold invoices of the hosted Spark service provider are not offered: whether they can be settled there was never seen"

const orderOf = ({ amount, description, expiry }: InvoiceRequest) =>
  Effect.map(satsOf(amount), (sats): InvoiceOrder => ({
    amount: sats,
    description,
    expirySeconds: secondsOf(expiry)
  }))

/** Spark knows nothing smaller than a sat. */
const satsOf = (amount: Msat.Msat) => {
  const sats = Sat.fromMsatFloor(amount)
  return amount > 0 && Sat.toMsat(sats) === amount
    ? Effect.succeed(sats)
    : Effect.fail(refused("OTHER", `Spark moves whole sats alone, and ${amount} msat are none`))
}

const secondsOf = (duration: Duration.Input): number =>
  Math.max(1, Math.ceil(Duration.toSeconds(duration)))
