/**
 * A wallet whose truth is known: what it was asked, what it paid, and what it said, each decided
 * by the test. It outlives the processes that use it.
 */
import { Bolt11, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Payer, Wallet } from "@farthing/wallet"
import { Context, Deferred, Effect, Layer, Option, Stream } from "effect"
import { walletId } from "./Orders.ts"

/** What the wallet does with a request, and what it says of it. */
export type Verdict = "pay" | "payAndBreak" | "payAndSayFailed" | "break" | "fail"

interface Request {
  readonly order: Payer.PayRequest
  readonly answer: Deferred.Deferred<Payer.Paid, Payer.PaymentFailed | Payer.PaymentUnknown>
  done: boolean
}

interface Payment {
  readonly amount: Msat.Msat
  readonly fee: Msat.Msat
  readonly preimage: Bolt11.Preimage
  readonly createdAt: number
}

export const make = (preimageOf: (hash: Bolt11.PaymentHash) => Bolt11.Preimage) => {
  const requests: Array<Request> = []
  const payments = new Map<Bolt11.PaymentHash, Payment>()
  const asked: Array<Bolt11.PaymentHash> = []
  /** Its own clock does not jump back. */
  let now = 0

  const tick = Effect.map(UnixTime.now, (seconds) => (now = Math.max(now, seconds)))

  /** It keeps to the time that it was given. */
  const execute = ({ invoice, expiresAt }: Payer.PayRequest, fee: Msat.Msat): boolean => {
    if (now > expiresAt) return false
    payments.set(invoice.paymentHash, {
      amount: Option.getOrThrow(invoice.amount),
      fee,
      preimage: preimageOf(invoice.paymentHash),
      createdAt: now
    })
    return true
  }

  const decide = (request: Request, verdict: Verdict, fee: Msat.Msat) => {
    const { answer, order } = request
    const { paymentHash } = order.invoice
    const pays = verdict === "pay" || verdict === "payAndBreak" || verdict === "payAndSayFailed"
    const paid = pays && execute(order, fee)
    if (verdict === "break" || verdict === "payAndBreak") {
      return Deferred.fail(answer, new Payer.PaymentUnknown({ paymentHash, message: "broken" }))
    }
    return paid && verdict === "pay"
      ? Deferred.succeed(answer, { preimage: preimageOf(paymentHash), fee })
      : Deferred.fail(answer, new Payer.PaymentFailed({ reason: "no_route", message: "no" }))
  }

  const outgoing = (paymentHash: Bolt11.PaymentHash): Option.Option<Wallet.Outgoing> =>
    Option.map(Option.fromUndefinedOr(payments.get(paymentHash)), (payment) => ({
      paymentHash,
      bolt11: "",
      amount: payment.amount,
      state: "settled",
      fee: Option.some(payment.fee),
      preimage: Option.some(payment.preimage),
      createdAt: payment.createdAt,
      settledAt: Option.some(payment.createdAt)
    }))

  const context = Context.make(Payer.Payer, {
    capsFee: true,
    pay: (order) =>
      Effect.gen(function* () {
        asked.push(order.invoice.paymentHash)
        const answer = yield* Deferred.make<
          Payer.Paid,
          Payer.PaymentFailed | Payer.PaymentUnknown
        >()
        requests.push({ order, answer, done: false })
        return yield* Deferred.await(answer)
      }),
    lock: () => Effect.never
  }).pipe(
    Context.add(Wallet.Wallet, {
      id: walletId,
      info: Effect.never,
      balance: Effect.never,
      makeInvoice: () => Effect.never,
      makeHoldInvoice: () => Effect.never,
      settleHoldInvoice: () => Effect.never,
      cancelHoldInvoice: () => Effect.never,
      lookupIncoming: () => Effect.succeedNone,
      lookupOutgoing: (paymentHash) => Effect.sync(() => outgoing(paymentHash)),
      transactions: () =>
        Effect.sync(() => ({
          incoming: [],
          outgoing: [...payments.keys()].flatMap((hash) => Option.toArray(outgoing(hash)))
        })),
      incoming: Stream.never
    })
  )

  return {
    layer: Layer.succeedContext(context),
    payments,
    /** Every request that ever came, in order. */
    asked,
    /** Answers one of the requests that wait, also if nobody waits for the answer any more. */
    answer: Effect.fnUntraced(function* (nth: number, verdict: Verdict, fee: Msat.Msat) {
      yield* tick
      const waiting = requests.filter(({ done }) => !done)
      const request = waiting[nth % waiting.length]
      if (request === undefined) return
      request.done = true
      yield* decide(request, verdict, Msat.min(fee, request.order.maxFee))
    }),
    cost: () => Msat.sum([...payments.values()].map(({ amount, fee }) => Msat.add(amount, fee)))
  }
}

export interface Vault extends ReturnType<typeof make> {}
