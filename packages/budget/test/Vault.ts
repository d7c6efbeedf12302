/**
 * A wallet whose truth is known: what it was asked, what it paid, and what it said, each decided
 * by the test. It outlives the processes that use it.
 */
import * as NoHtlc from "@farthing/wallet/NoHtlc"
import { Bolt11, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Payer, Wallet } from "@farthing/wallet"
import { Context, Deferred, Effect, Layer, Option, Stream } from "effect"
import { walletId } from "./Orders.ts"

/** What the wallet does with a request, and what it says of it. */
export type Verdict = "pay" | "payAndBreak" | "payAndSayFailed" | "break" | "fail"

/** What becomes of a lock, and whether the wallet says so by itself. */
export type End = "take" | "takeSilently" | "giveBack" | "giveBackSilently"

type Unpaid = Payer.PaymentFailed | Payer.PaymentUnknown

interface Request {
  readonly order: Payer.PayRequest
  /** Where the money goes if it is paid. */
  readonly execute: (payment: Payment) => void
  readonly succeed: (payment: Payment) => Effect.Effect<boolean>
  readonly fail: (error: Unpaid) => Effect.Effect<boolean>
  done: boolean
}

interface Payment {
  readonly amount: Msat.Msat
  readonly fee: Msat.Msat
  readonly preimage: Bolt11.Preimage
  readonly createdAt: number
}

/** Money that is locked until the vault decides. */
interface Locked extends Payment {
  readonly end: Deferred.Deferred<Payer.Paid, Payer.PaymentFailed>
}

export const make = (preimageOf: (hash: Bolt11.PaymentHash) => Bolt11.Preimage) => {
  const requests: Array<Request> = []
  const payments = new Map<Bolt11.PaymentHash, Payment>()
  const locks = new Map<Bolt11.PaymentHash, Locked>()
  const returned = new Map<Bolt11.PaymentHash, Payment>()
  const asked: Array<Bolt11.PaymentHash> = []
  /** Its own clock does not jump back. */
  let now = 0

  const tick = Effect.map(UnixTime.now, (seconds) => (now = Math.max(now, seconds)))

  /** It keeps to the time that it was given. */
  const decide = (request: Request, verdict: Verdict, fee: Msat.Msat) => {
    const { expiresAt, invoice } = request.order
    const { paymentHash } = invoice
    const pays = verdict === "pay" || verdict === "payAndBreak" || verdict === "payAndSayFailed"
    const payment = {
      amount: Option.getOrThrow(invoice.amount),
      fee,
      preimage: preimageOf(paymentHash),
      createdAt: now
    }
    const paid = pays && now <= expiresAt
    if (paid) request.execute(payment)
    if (verdict === "break" || verdict === "payAndBreak") {
      return request.fail(new Payer.PaymentUnknown({ paymentHash, message: "broken" }))
    }
    return paid && verdict === "pay"
      ? request.succeed(payment)
      : request.fail(new Payer.PaymentFailed({ reason: "no_route", message: "no" }))
  }

  const ask = Effect.fnUntraced(function* <A>(
    order: Payer.PayRequest,
    execute: Request["execute"],
    answerOf: (payment: Payment) => A
  ) {
    asked.push(order.invoice.paymentHash)
    const answer = yield* Deferred.make<A, Unpaid>()
    requests.push({
      order,
      execute,
      succeed: (payment) => Deferred.succeed(answer, answerOf(payment)),
      fail: (error) => Deferred.fail(answer, error),
      done: false
    })
    return yield* Deferred.await(answer)
  })

  const lock = (order: Payer.PayRequest) => {
    const { paymentHash } = order.invoice
    const end = Deferred.makeUnsafe<Payer.Paid, Payer.PaymentFailed>()
    return ask(
      order,
      (payment) => locks.set(paymentHash, { ...payment, end }),
      (): Payer.Locked => ({ end: Deferred.await(end) })
    )
  }

  const pay = (order: Payer.PayRequest) =>
    ask(
      order,
      (payment) => payments.set(order.invoice.paymentHash, payment),
      ({ fee, preimage }): Payer.Paid => ({ preimage, fee })
    )

  /** The end of one of the locks. */
  const endLock = (paymentHash: Bolt11.PaymentHash, verdict: End) =>
    Effect.suspend(() => {
      const lock = locks.get(paymentHash)
      if (lock === undefined) return Effect.void
      locks.delete(paymentHash)
      const isTaken = verdict === "take" || verdict === "takeSilently"
      const ended = isTaken ? payments : returned
      ended.set(paymentHash, lock)
      switch (verdict) {
        case "take":
          return Deferred.succeed(lock.end, { preimage: lock.preimage, fee: lock.fee })
        case "giveBack":
          return Deferred.fail(
            lock.end,
            new Payer.PaymentFailed({ reason: "refused", message: "it is back" })
          )
        default:
          return Effect.void
      }
    })

  const outgoing = (paymentHash: Bolt11.PaymentHash): Option.Option<Wallet.Outgoing> => {
    const told = (
      state: Wallet.Outgoing["state"],
      { amount, createdAt, fee, preimage }: Payment
    ): Wallet.Outgoing => ({
      paymentHash,
      bolt11: "",
      amount,
      state,
      fee: Option.some(fee),
      preimage: state === "settled" ? Option.some(preimage) : Option.none(),
      createdAt,
      settledAt: state === "settled" ? Option.some(createdAt) : Option.none()
    })
    const in_ = (state: Wallet.Outgoing["state"], book: ReadonlyMap<Bolt11.PaymentHash, Payment>) =>
      Option.map(Option.fromUndefinedOr(book.get(paymentHash)), (it) => told(state, it))
    return Option.firstSomeOf([
      in_("settled", payments),
      in_("pending", locks),
      in_("failed", returned)
    ])
  }

  const everything = (): ReadonlyArray<Bolt11.PaymentHash> => [
    ...payments.keys(),
    ...locks.keys(),
    ...returned.keys()
  ]

  const context = Context.make(Payer.Payer, {
    capsFee: true,
    pay,
    lock: NoHtlc.invoicesOnly(lock),
    resume: () => Effect.void
  }).pipe(
    Context.add(Wallet.Wallet, {
      id: walletId,
      info: Effect.never,
      balance: Effect.never,
      address: Effect.never,
      makeInvoice: () => Effect.never,
      makeHoldInvoice: () => Effect.never,
      quoteHtlc: NoHtlc.quoteHtlc,
      settleHoldInvoice: () => Effect.never,
      cancelHoldInvoice: () => Effect.never,
      lookupIncoming: () => Effect.succeedNone,
      lookupOutgoing: (paymentHash) => Effect.sync(() => outgoing(paymentHash)),
      transactions: () =>
        Effect.sync(() => ({
          incoming: [],
          outgoing: everything().flatMap((hash) => Option.toArray(outgoing(hash))),
          transfers: []
        })),
      incoming: Stream.never
    })
  )

  return {
    layer: Layer.succeedContext(context),
    payments,
    locks,
    /** Decides one of the locks. */
    end: (nth: number, verdict: End) =>
      Effect.suspend(() => {
        const hash = [...locks.keys()][nth % locks.size]
        return hash === undefined ? Effect.void : endLock(hash, verdict)
      }),
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
