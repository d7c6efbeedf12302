/**
 * A payment whose money is locked, at a wallet that speaks NIP-47. Its order is answered only
 * when the payee has taken the money or given it back, so it is look-ups that tell of the lock,
 * and they go on for as long as no answer comes: it may be lost with a connection.
 */
import type { Duration } from "effect"
import { Deferred, Effect, Fiber, Option, Schedule, Scope } from "effect"
import type { Payment } from "./NwcPayment.ts"
import type { Locked, Paid } from "./Payer.ts"
import { PaymentFailed, PaymentUnknown } from "./Payer.ts"
import type { Outgoing } from "./Wallet.ts"

/** The wallet is asked whether it has begun soon, then at most every 2 seconds. */
const beginning = {
  first: "50 millis",
  spaced: Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("2 seconds")])
} as const

/** Whether it is over, which its answer tells too, is asked later, then every 30 seconds. */
const ending = {
  first: "1 second",
  spaced: Schedule.min([Schedule.exponential("2 seconds"), Schedule.spaced("30 seconds")])
} as const

/**
 * Carries the order out, which says what came of the payment once it is over, and returns when
 * the money is locked. Unknown if there was no sign of that for so long.
 */
export const make = Effect.fnUntraced(function* (
  payment: Payment,
  order: Effect.Effect<Paid, PaymentFailed | PaymentUnknown>,
  patience: Duration.Input
): Effect.fn.Return<Locked, PaymentFailed | PaymentUnknown, Scope.Scope> {
  const ended = yield* Deferred.make<Paid, PaymentFailed>()
  let doubt = "The wallet does not say that it has locked the money"

  /** What proves nothing leaves it to the look-ups. */
  const answered = order.pipe(
    Effect.catchTag("PaymentUnknown", ({ message }) => {
      doubt = message
      return Effect.never
    }),
    Effect.raceFirst(Deferred.await(ended)),
    Deferred.into(ended)
  )
  const asking = yield* Effect.forkIn(answered, yield* Scope.Scope)

  const look = Effect.orElseSucceed(payment.record, () => Option.none<Outgoing>())

  const begun = look.pipe(
    Effect.repeat({ schedule: beginning.spaced, until: Option.exists(isBegun) }),
    Effect.delay(beginning.first)
  )

  const over = look.pipe(
    Effect.map(Option.flatMap(endOf)),
    Effect.repeat({ schedule: ending.spaced, until: Option.isSome }),
    Effect.flatMap(Option.getOrElse(() => Effect.never)),
    Deferred.into(ended),
    Effect.delay(ending.first)
  )

  return yield* Effect.raceFirst(Deferred.await(ended), begun).pipe(
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () =>
        Effect.fail(new PaymentUnknown({ paymentHash: payment.paymentHash, message: doubt }))
    }),
    Effect.onError(() => Fiber.interrupt(asking)),
    Effect.as({
      end: Effect.raceFirst(Deferred.await(ended), Effect.andThen(over, Effect.never))
    })
  )
})

/** A record that says failed may be that of an earlier order. */
const isBegun = ({ state }: Outgoing): boolean => state !== "failed"

/** What the record says of the end; none while it says nothing, or proves nothing. */
const endOf = ({
  fee,
  preimage,
  state
}: Outgoing): Option.Option<Effect.Effect<Paid, PaymentFailed>> => {
  if (state === "failed") {
    return Option.some(
      new PaymentFailed({ reason: "refused", message: "The wallet says that the money is back" })
    )
  }
  return Option.map(preimage, (proof) =>
    Effect.succeed({ preimage: proof, fee: Option.getOrUndefined(fee) })
  )
}
