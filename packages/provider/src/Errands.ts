/**
 * What is done at the wallet for a job that nobody works on any more: by one fiber at a time, and
 * where it does not succeed ever more seldom.
 */
import type { NostrEvent } from "@farthing/protocol"
import { Clock, Duration, Effect, FiberMap, Schedule } from "effect"

/** Before something is tried for the second time; in milliseconds. */
const firstPause = 2_000

type Id = NostrEvent.EventId

interface Errand {
  (effect: Effect.Effect<void>): Effect.Effect<void>
}

export interface Errands {
  /** Does it now, unless something is being done for the job already. */
  readonly run: (job: Id) => Errand
  /** The same, if it is the job's turn. */
  readonly runInTurn: (job: Id) => Errand
  /** The job needs nothing any more. */
  readonly forget: (job: Id) => void
}

/** Those that are under way end with the scope. */
export const make = Effect.fnUntraced(function* (options: {
  /** However seldom, then as often as this. */
  readonly longestPause: Duration.Input
}) {
  const longestPause = Duration.toMillis(options.longestPause)
  const fibers = yield* FiberMap.make<Id>()
  const turns = new Map<Id, { readonly at: number; readonly pause: number }>()

  const run: Errands["run"] = (job) => (effect) =>
    Effect.asVoid(FiberMap.run(fibers, job, effect, { onlyIfMissing: true }))

  return {
    run,
    runInTurn: (job) =>
      Effect.fnUntraced(function* (effect) {
        const now = yield* Clock.currentTimeMillis
        const { at, pause } = turns.get(job) ?? { at: now, pause: firstPause }
        if (now < at) return
        turns.set(job, { at: now + pause, pause: Math.min(2 * pause, longestPause) })
        yield* run(job)(effect)
      }),
    forget: (job) => void turns.delete(job)
  } satisfies Errands
})

/** A wallet, or a relay, that does not answer is asked again, ever more seldom. */
export const untilItAnswers = Schedule.min([
  Schedule.exponential("1 second"),
  Schedule.spaced("30 seconds")
])
