/**
 * Learns in the background what becomes of locks, while its process lives: what the wallet says by
 * itself, and otherwise by look-ups.
 */
import type { Bolt11 } from "@farthing/protocol"
import { PaymentUnknown } from "@farthing/wallet/Payer"
import { Cause, Deferred, Duration, Effect, Option, Queue } from "effect"
import * as Metrics from "./Metrics.ts"
import type * as Room from "./Room.ts"
import { isResolved } from "./Spend.ts"
import type { SpendRecord } from "./Spend.ts"

export interface Options {
  /** Looks a lock up and books what became of it; answers with the lock as it stands now. */
  readonly learn: (paymentHash: Bolt11.PaymentHash) => Effect.Effect<SpendRecord, unknown>
  readonly room: Room.Room
}

/** Between two rounds of look-ups; ever longer while nothing new has come. */
const firstPause = Duration.seconds(1)
const longestPause = Duration.minutes(5)

/** How many locks are looked up at once. */
const concurrency = 4

export interface LockWatch extends Effect.Success<ReturnType<typeof make>> {}

/** One fiber looks all of them up. It ends when it finds none, so an idle process is not woken. */
export const make = Effect.fnUntraced(function* ({ learn, room }: Options) {
  const scope = yield* Effect.scope
  const watched = new Set<Bolt11.PaymentHash>()
  const awaited = new Map<Bolt11.PaymentHash, Deferred.Deferred<SpendRecord, PaymentUnknown>>()
  const added = yield* Queue.sliding<void>(1)
  let isAtIt = false

  yield* Effect.addFinalizer(() =>
    Effect.forEach(awaited, ([paymentHash, end]) => Deferred.fail(end, gone(paymentHash)), {
      discard: true
    })
  )

  /** What stands in the ledger, whoever has learned it. */
  const tell = (spend: SpendRecord) =>
    Effect.suspend(() => {
      if (!isResolved(spend)) return Effect.void
      const end = awaited.get(spend.paymentHash)
      watched.delete(spend.paymentHash)
      awaited.delete(spend.paymentHash)
      return end === undefined
        ? room.release
        : Metrics.countEnd(spend).pipe(
            Effect.andThen(room.release),
            Effect.andThen(Deferred.succeed(end, spend))
          )
    })

  const lookAround = Effect.gen(function* () {
    let pause = firstPause
    while (watched.size > 0) {
      const isNew = yield* Effect.timeoutOption(Queue.take(added), pause)
      if (Option.isSome(isNew)) {
        pause = firstPause
        yield* Effect.sleep(pause)
      }
      pause = Duration.min(Duration.times(pause, 2), longestPause)
      yield* Effect.forEach(
        watched,
        (paymentHash) =>
          Effect.ignoreCause(Effect.flatMap(learn(paymentHash), tell), { log: "Debug" }),
        { concurrency, discard: true }
      )
    }
    isAtIt = false
  })

  /** Looks it up again and again until its end is booked. */
  const watch = (paymentHash: Bolt11.PaymentHash) =>
    Effect.suspend(() => {
      if (watched.has(paymentHash)) return Effect.void
      watched.add(paymentHash)
      if (isAtIt) return Effect.asVoid(Queue.offer(added, undefined))
      isAtIt = true
      return Effect.asVoid(Effect.forkIn(lookAround, scope))
    })

  /**
   * Answers with the end of a lock as `told` has booked it; where that fails, or books no end, it is
   * looked up.
   */
  const follow = (paymentHash: Bolt11.PaymentHash, told: Effect.Effect<SpendRecord, unknown>) => {
    const end = Deferred.makeUnsafe<SpendRecord, PaymentUnknown>()
    awaited.set(paymentHash, end)
    return told.pipe(
      Effect.flatMap((spend) => (isResolved(spend) ? tell(spend) : watch(paymentHash))),
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.interrupt : watch(paymentHash)
      ),
      Effect.forkIn(scope),
      Effect.as(Deferred.await(end))
    )
  }

  return { follow, tell, watch } as const
})

const gone = (paymentHash: Bolt11.PaymentHash) =>
  new PaymentUnknown({ paymentHash, message: "this process goes away; recovery learns its end" })
