/** Waits for a delivery: takes answers until the text is whole, or time or patience runs out. */
import { Clock, Data, Duration, Effect, Option, Queue } from "effect"
import type { RelayUnavailable } from "./ComputeError.ts"
import * as Delivery from "./Delivery.ts"
import type { Answer } from "./JobTransport.ts"

export interface Patience {
  /** For the first of the text. */
  readonly first: Duration.Duration
  /** For something new after that. */
  readonly idle: Duration.Duration
  /** Unix milliseconds at which it is over in any case. */
  readonly deadline: number
}

/** Why there is no whole text. */
export class Undelivered extends Data.TaggedError("Undelivered")<{
  readonly reason: "nothing" | "truncated" | "invalid"
  readonly message: string
}> {}

/**
 * `onText` gets each new part of the text, in order, once no gap is left before it. `early` was
 * taken from the answers before.
 */
export const collect = Effect.fnUntraced(function* (
  answers: Queue.Dequeue<Answer, RelayUnavailable>,
  patience: Patience,
  onText: (text: string) => Effect.Effect<void>,
  early: ReadonlyArray<Answer> = []
): Effect.fn.Return<Delivery.Delivered, Undelivered | RelayUnavailable> {
  let underway = Delivery.empty
  let giveUpAt = yield* patienceEnds(patience, patience.first)
  for (let taken = 0; ; taken++) {
    const answer = early[taken] ?? (yield* takeUntil(answers, giveUpAt, () => cutShort(underway)))
    const next = Delivery.step(underway, answer)
    if (next === underway) continue
    switch (next._tag) {
      case "Broken":
        return yield* new Undelivered({ reason: "invalid", message: next.message })
      case "Complete":
        yield* onText(rest(underway.text, next.delivered.text))
        return next.delivered
      case "Underway":
        yield* onText(rest(underway.text, next.text))
        underway = next
        giveUpAt = yield* patienceEnds(patience, patience.idle)
    }
  }
})

/** What has come already is taken even if the time is up. */
const takeUntil = Effect.fnUntraced(function* (
  answers: Queue.Dequeue<Answer, RelayUnavailable>,
  giveUpAt: number,
  onTimeout: () => Undelivered
): Effect.fn.Return<Answer, Undelivered | RelayUnavailable> {
  const waiting = yield* Queue.poll(answers)
  if (Option.isSome(waiting)) return waiting.value
  return yield* Queue.take(answers).pipe(
    Effect.timeoutOrElse({
      duration: Math.max(giveUpAt - (yield* Clock.currentTimeMillis), 0),
      orElse: () => Effect.fail(onTimeout())
    })
  )
})

const patienceEnds = (patience: Patience, wait: Duration.Duration): Effect.Effect<number> =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    Math.min(now + Duration.toMillis(wait), patience.deadline)
  )

/** What is new. A whole text that contradicts the pieces before it cannot be shown as their end. */
const rest = (shown: string, text: string): string =>
  text.startsWith(shown) ? text.slice(shown.length) : ""

const cutShort = (underway: Delivery.Underway): Undelivered =>
  Delivery.hasBegun(underway)
    ? new Undelivered({
        reason: "truncated",
        message: `the text stopped after ${underway.next} pieces without its end`
      })
    : new Undelivered({ reason: "nothing", message: "nothing was delivered in time" })
