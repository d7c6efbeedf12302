/**
 * What a wallet knows of the money it asked for. Where its own book has nothing, because its words
 * were all that was left, others remember: the service provider every invoice that it made for it,
 * and the operators whatever was locked for it.
 */
import { Bolt11 } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Option, Result, Stream } from "effect"
import type { Receive, SdkSession } from "./SdkSession.ts"
import type { NewIncoming, SparkBook } from "./SparkBook.ts"
import { recorded, told } from "./SparkErrors.ts"
import type { Swap } from "./Swap.ts"
import { foremost } from "./Swap.ts"

export interface Options {
  readonly session: SdkSession
  readonly book: SparkBook
}

export type SparkMemory = ReturnType<typeof make>

export const make = ({ book, session }: Options) => {
  /** The invoices that the service provider made for us, newest first. */
  const history = Stream.paginate(undefined as string | undefined, (after) =>
    Effect.map(told(session.receives(after)), ({ next, received }) => [
      received.flatMap((receive) => Option.toArray(fromReceive(receive))),
      Option.fromUndefinedOr(next)
    ])
  )

  /** What was ever locked for us. */
  const locked = Stream.paginate(0, (offset) =>
    Effect.map(told(session.allReceived({ limit: pageSize, offset })), (swaps) => [
      swaps.filter(({ receiver }) => receiver === session.identity).map(fromSwap),
      Option.liftPredicate(offset + pageSize, () => swaps.length === pageSize)
    ])
  )

  const inHistory = (paymentHash: Bolt11.PaymentHash) =>
    history.pipe(
      Stream.filter((row) => row.payment_hash === paymentHash),
      Stream.runHead
    )

  const atOperators = (paymentHash: Bolt11.PaymentHash) =>
    Effect.map(told(session.received([paymentHash])), (swaps) =>
      Option.map(foremost(swaps), fromSwap)
    )

  const restore = Effect.fnUntraced(function* (paymentHash: Bolt11.PaymentHash) {
    const invoice = yield* inHistory(paymentHash)
    const found = Option.isSome(invoice) ? invoice : yield* atOperators(paymentHash)
    if (Option.isNone(found)) return Option.none()
    yield* recorded(book.addIncoming(found.value))
    return Option.fromUndefinedOr(yield* recorded(book.incoming(paymentHash)))
  })

  return {
    /** None if nobody knows that we ever asked for money under this hash. */
    find: (paymentHash: Bolt11.PaymentHash) =>
      Effect.flatMap(recorded(book.incoming(paymentHash)), (row) =>
        row === undefined ? restore(paymentHash) : Effect.succeedSome(row)
      ),

    /** Brings everything back that others remember, once for this book. */
    recall: Effect.gen(function* () {
      if (yield* recorded(book.isComplete)) return
      yield* Stream.runForEach(history, (row) => recorded(book.addIncoming(row)))
      yield* Stream.runForEach(locked, (row) => recorded(book.addIncoming(row)))
      yield* recorded(book.markComplete)
    })
  } as const
}

const pageSize = 100

/** None if it makes no sense. */
const fromReceive = ({ bolt11, requestId }: Receive): Option.Option<NewIncoming> => {
  const invoice = Option.getOrUndefined(Result.getSuccess(Bolt11.decode(bolt11)))
  if (invoice === undefined || Option.isNone(invoice.amount)) return Option.none()
  return Option.some({
    payment_hash: invoice.paymentHash,
    kind: "recalled",
    request_id: requestId,
    bolt11: invoice.bolt11,
    amount: invoice.amount.value,
    created_at: invoice.createdAt,
    expires_at: invoice.expiresAt
  })
}

/** Nobody remembers what was asked for: whatever is locked has to do. */
const fromSwap = ({ createdAt, expiresAt, paymentHash, value }: Swap): NewIncoming => ({
  payment_hash: paymentHash,
  kind: "htlc",
  request_id: null,
  bolt11: "",
  amount: value,
  created_at: UnixTime.fromMillis(createdAt),
  expires_at: UnixTime.fromMillis(Option.getOrElse(expiresAt, () => createdAt))
})
