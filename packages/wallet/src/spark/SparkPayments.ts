/**
 * The spending side. Money is locked at the operators first, to the payment hash, and then the
 * service provider is told to pay with it; so whatever is interrupted in between can be taken up again
 * by the hash alone, and a hash is locked to once.
 *
 * Until the gate lets the one call through that locks money, everything that goes wrong has failed.
 * From then on nothing has but what the operators say is back, or have refused.
 */
import type { Msat, Network } from "@farthing/protocol"
import { Bolt11, Sat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Clock, Duration, Effect, Option, Redacted, Semaphore } from "effect"
import type { HtlcRequest, Locked, LockRequest, Paid, PayRequest } from "../Payer.ts"
import { PaymentFailed, PaymentUnknown } from "../Payer.ts"
import type { SdkFailure } from "./SdkFailure.ts"
import type { SdkSession } from "./SdkSession.ts"
import type { Gate } from "./SdkWallet.ts"
import type { OutgoingRow, SparkBook } from "./SparkBook.ts"
import * as SparkEnd from "./SparkEnd.ts"
import type { SparkOutgoing } from "./SparkOutgoing.ts"
import type { Swap } from "./Swap.ts"

export interface Options {
  readonly session: SdkSession
  readonly book: SparkBook
  readonly outgoing: SparkOutgoing
  readonly network: Network.Network
  readonly timeout: Duration.Duration
}

/** What is to be locked. */
interface Order extends Pick<OutgoingRow, "payment_hash" | "bolt11" | "amount"> {
  /** Unix seconds; nothing is locked later. */
  readonly expiresAt: number
  readonly lock: (gate: Gate) => Effect.Effect<void, SdkFailure>
}

type Ended = PaymentFailed | PaymentUnknown

export const make = Effect.fnUntraced(function* ({
  book,
  network,
  outgoing,
  session,
  timeout
}: Options) {
  // The SDK gets into its own way where two payments choose leaves at once.
  const turn = yield* Semaphore.make(1)
  const run = Effect.runPromiseWith(yield* Effect.context())

  /** Passes once, in time, and after what is to be locked was recorded. */
  const makeGate = ({ expiresAt, payment_hash, amount, bolt11 }: Order) => {
    let stage: "before" | "passed" | "closed" = "before"
    const whileOpen = Effect.suspend(() =>
      stage === "closed" ? Effect.fail(tooLate) : Effect.void
    )
    const pass = Effect.fnUntraced(function* (transfer_id: string) {
      yield* whileOpen
      const created_at = yield* UnixTime.now
      if (created_at > expiresAt) return yield* tooLate
      yield* book.recordOutgoing({ payment_hash, amount, bolt11, transfer_id, created_at })
      yield* whileOpen
      stage = "passed"
    })
    return {
      gate: (transferId: string) => run(pass(transferId)),
      /** Lets nothing through any more; whether nothing has gone through before. */
      close: Effect.sync(() => {
        if (stage === "before") stage = "closed"
        return stage === "closed"
      })
    }
  }

  /** Locks what nothing was locked for yet, and tells of what there is in the end. */
  const begin = (order: Order): Effect.Effect<void, Ended> => {
    const { close, gate } = makeGate(order)
    const known = earlier(order)
    const locking = Effect.flatMap(known, (isUnderWay) =>
      isUnderWay ? Effect.void : submit(order, gate, close)
    )
    return locking.pipe(
      turn.withPermit,
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () =>
          Effect.flatMap(close, (isClosed) =>
            Effect.flatMap(isClosed ? isRecorded(order) : Effect.succeed(true), (mayBeLocked) =>
              Effect.fail(mayBeLocked ? unknown(order, silent) : failed("unreachable", silent))
            )
          )
      }),
      Effect.ensuring(close)
    )
  }

  /** Whether it is under way, or done; fails where it has failed before. */
  const earlier = (order: Order): Effect.Effect<boolean, Ended> =>
    outgoing.find(order.payment_hash).pipe(
      Effect.catch(({ message }) =>
        Effect.flatMap(isRecorded(order), (mayBeLocked) =>
          Effect.fail(mayBeLocked ? unknown(order, message) : failed("unreachable", message))
        )
      ),
      Effect.flatMap(
        Option.match({
          onNone: () => Effect.succeed(false),
          onSome: ({ state }) =>
            state._tag === "Returned" ? Effect.fail(SparkEnd.returned) : Effect.succeed(true)
        })
      )
    )

  /** Whether this wallet was ever about to lock it; a book that cannot be read knows nothing. */
  const isRecorded = ({ payment_hash }: Order) =>
    book.outgoing([payment_hash]).pipe(
      Effect.map((rows) => rows.length > 0),
      Effect.orElseSucceed(() => true)
    )

  const submit = (order: Order, gate: Gate, close: Effect.Effect<boolean>) =>
    Effect.catch(order.lock(gate), (failure) =>
      Effect.flatMap(close, (isClosed) =>
        isClosed ? notBegun(order, failure) : inDoubt(order, failure)
      )
    )

  /** Something went wrong after the gate: the operators know what came of it. */
  const inDoubt = Effect.fnUntraced(function* (order: Order, failure: SdkFailure) {
    const found = yield* Effect.mapError(outgoing.find(order.payment_hash), () =>
      unknown(order, failure.message)
    )
    if (Option.isNone(found)) {
      return yield* failure.kind === "unreachable"
        ? unknown(order, failure.message)
        : notLocked(failure)
    }
    if (found.value.state._tag === "Waiting") yield* tell(order, found.value)
  })

  /** The service provider may not have heard of it; told twice, it pays once. */
  const tell = (order: Pick<Order, "bolt11" | "payment_hash">, swap: Swap) =>
    outgoing.isToLightning(swap)
      ? Effect.mapError(session.requestSend(order.bolt11, swap.transferId), ({ message }) =>
          unknown(order, message)
        )
      : Effect.void

  const invoiceOrder = Effect.fnUntraced(function* ({ expiresAt, invoice, maxFee }: PayRequest) {
    const { bolt11, paymentHash } = invoice
    const now = yield* UnixTime.now
    if (now > expiresAt) return yield* failed("expired", "The order has expired")
    if (now >= invoice.expiresAt) return yield* failed("expired", "The invoice has expired")
    if (invoice.network !== network) return yield* refused("The invoice is of another network")
    if (Option.isNone(invoice.amount)) return yield* refused("The invoice has no amount")
    const amount = invoice.amount.value
    if (!isWhole(amount)) return yield* refused(notWhole)
    yield* requireForeign(paymentHash)
    return {
      payment_hash: paymentHash,
      bolt11,
      amount,
      expiresAt: Math.min(expiresAt, invoice.expiresAt),
      lock: (gate) => session.pay({ invoice, maxFee: Sat.fromMsatFloor(maxFee), gate })
    } satisfies Order
  })

  const htlcOrder = Effect.fnUntraced(function* ({ expiresAt, htlc, preimage }: HtlcRequest) {
    const { address, amount, paymentHash } = htlc
    const now = yield* UnixTime.now
    if (now > expiresAt) return yield* failed("expired", "The order has expired")
    if (now >= htlc.expiresAt) return yield* failed("expired", "The quote has expired")
    if (htlc.network !== network) return yield* refused("The quote is of another network")
    if (!isWhole(amount)) return yield* refused(notWhole)
    if (Bolt11.hashOf(Redacted.value(preimage)) !== paymentHash) {
      return yield* refused("That is not the preimage of what is to be locked")
    }
    yield* requireForeign(paymentHash)
    const lock: Order["lock"] = (gate) =>
      Effect.flatMap(Clock.currentTimeMillis, (millis) =>
        session.lockHtlc({
          address,
          amount: Sat.fromMsatFloor(amount),
          preimage,
          expiresAt: millis + htlc.lockSeconds * 1000,
          gate
        })
      )
    return {
      payment_hash: paymentHash,
      bolt11: "",
      amount,
      expiresAt: Math.min(expiresAt, htlc.expiresAt),
      lock
    } satisfies Order
  })

  /** A wallet does not pay itself. */
  const requireForeign = (paymentHash: Bolt11.PaymentHash) =>
    book.incoming(paymentHash).pipe(
      Effect.mapError(() => failed("unreachable", "The wallet's own book cannot be used")),
      Effect.flatMap((row) =>
        row === undefined ? Effect.void : Effect.fail(refused("A wallet cannot pay itself"))
      )
    )

  const end = ({ amount, payment_hash }: Order): Effect.Effect<Paid, PaymentFailed> =>
    SparkEnd.follow(session, outgoing, { amount, paymentHash: payment_hash })

  return {
    pay: Effect.fnUntraced(function* (request: PayRequest): Effect.fn.Return<Paid, Ended> {
      const order = yield* invoiceOrder(request)
      const [spent] = yield* Effect.timed(begin(order))
      return yield* Effect.timeoutOrElse(end(order), {
        duration: Duration.subtract(timeout, spent),
        orElse: () => Effect.fail(unknown(order, "The payment is under way still"))
      })
    }),

    lock: Effect.fnUntraced(function* (request: LockRequest): Effect.fn.Return<Locked, Ended> {
      const order = yield* "invoice" in request ? invoiceOrder(request) : htlcOrder(request)
      yield* begin(order)
      return { end: end(order) }
    }),

    resume: Effect.fnUntraced(function* ({ invoice }: PayRequest) {
      const order = { payment_hash: invoice.paymentHash, bolt11: invoice.bolt11 }
      const swap = yield* Effect.mapError(outgoing.find(invoice.paymentHash), ({ message }) =>
        unknown(order, message)
      )
      if (Option.exists(swap, ({ state }) => state._tag === "Waiting")) {
        yield* tell(order, Option.getOrThrow(swap))
      }
    })
  } as const
})

const isWhole = (amount: Msat.Msat): boolean =>
  amount > 0 && Sat.toMsat(Sat.fromMsatFloor(amount)) === amount

const notWhole = "Spark moves whole sats alone"

const silent = "Spark did not answer in time"

const failed = (reason: PaymentFailed["reason"], message: string) =>
  new PaymentFailed({ reason, message })

const refused = (message: string) => failed("refused", message)

const unknown = ({ payment_hash }: Pick<Order, "payment_hash">, message: string) =>
  new PaymentUnknown({ paymentHash: payment_hash, message })

const tooLate = failed("expired", "The time in which it could have begun is over")

const reasons = {
  too_little: "insufficient_balance",
  too_dear: "fee_too_high",
  refused: "refused",
  unreachable: "unreachable"
} as const

const notLocked = ({ kind, message }: SdkFailure) => failed(reasons[kind], message)

const notBegun = ({ expiresAt }: Order, failure: SdkFailure) =>
  Effect.flatMap(UnixTime.now, (now) => Effect.fail(now > expiresAt ? tooLate : notLocked(failure)))
