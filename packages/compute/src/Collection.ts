/**
 * Waits for a delivery: takes answers until the text is whole, time or patience runs out, or the
 * provider offers the money back instead.
 */
import { Clock, Data, Duration, Effect, Option, Queue } from "effect"
import type { RelayUnavailable } from "./ComputeError.ts"
import * as Delivery from "./Delivery.ts"
import type { Progress } from "./Inference.ts"
import type { Answer, RefundOffered } from "./JobTransport.ts"

export interface Patience {
  /** For the first of the text. */
  readonly first: Duration.Duration
  /** For something new after that. */
  readonly idle: Duration.Duration
  /** Unix milliseconds at which it is over in any case. */
  readonly deadline: number
}

export interface Listener {
  /**
   * Gets each new part of the text, in order, once no gap is left before it; and a word where
   * the text begins anew.
   */
  readonly tell: (progress: TextProgress) => Effect.Effect<void>
  /** Whether a refund that is offered is one to take. */
  readonly wants: (offer: RefundOffered) => Effect.Effect<boolean>
}

type TextProgress = Extract<Progress, { readonly _tag: "Chunk" | "Restarted" }>

/** Why there is no whole text. */
export class Undelivered extends Data.TaggedError("Undelivered")<{
  readonly reason: "nothing" | "truncated" | "invalid"
  readonly message: string
  /** What the provider offers instead. */
  readonly refund: RefundOffered | undefined
}> {}

/** Who has failed and pays back says so at once; in milliseconds. */
const patienceForRefund = 5_000

/**
 * A text that is whole counts, whatever else was said before it in time. `early` was taken from
 * the answers before.
 */
export const collect = Effect.fnUntraced(function* (
  answers: Queue.Dequeue<Answer, RelayUnavailable>,
  patience: Patience,
  listener: Listener,
  early: ReadonlyArray<Answer> = []
): Effect.fn.Return<Delivery.Delivered, Undelivered | RelayUnavailable> {
  const show = shown(listener.tell)
  let wait: Wait = {
    underway: Delivery.empty,
    failure: undefined,
    refund: undefined,
    giveUpAt: yield* patienceEnds(patience, patience.first)
  }
  for (let taken = 0; ; taken++) {
    const answer = early[taken] ?? Option.getOrUndefined(yield* takeUntil(answers, wait.giveUpAt))
    if (answer === undefined) break
    if (answer._tag === "RefundOffered") {
      wait = yield* hearOffer(wait, answer, listener)
      continue
    }
    const next = Delivery.step(wait.underway, answer)
    if (next._tag === "Complete") return yield* show.whole(next.delivered)
    if (next._tag === "Broken") wait = yield* hearFailure(wait, next.message)
    else if (next !== wait.underway) {
      yield* show.part(next.text)
      const giveUpAt = yield* patienceEnds(patience, patience.idle)
      wait = { ...wait, underway: next, ...(wait.refund === undefined ? { giveUpAt } : {}) }
    }
  }
  return yield* Option.match(Delivery.asItStands(wait.underway), {
    onNone: () => Effect.fail(undelivered(wait)),
    onSome: show.whole
  })
})

/** What came so far, and how long there is hope. */
interface Wait {
  readonly underway: Delivery.Underway
  /** What the provider says, or does, that no text comes of. */
  readonly failure: string | undefined
  readonly refund: RefundOffered | undefined
  /** Unix milliseconds. */
  readonly giveUpAt: number
}

/** The first refund worth taking is taken, unless the text is there already. */
const hearOffer = Effect.fnUntraced(function* (
  wait: Wait,
  offer: RefundOffered,
  listener: Listener
) {
  if (wait.refund !== undefined || !(yield* listener.wants(offer))) return wait
  return { ...wait, refund: offer, giveUpAt: yield* noLater(wait, 0) }
})

const hearFailure = Effect.fnUntraced(function* (wait: Wait, failure: string) {
  return { ...wait, failure, giveUpAt: yield* noLater(wait, patienceForRefund) }
})

const noLater = ({ giveUpAt }: Wait, millis: number): Effect.Effect<number> =>
  Effect.map(Clock.currentTimeMillis, (now) => Math.min(giveUpAt, now + millis))

/** What has come already is taken even if the time is up; none if nothing comes in time. */
export const takeUntil = Effect.fnUntraced(function* (
  answers: Queue.Dequeue<Answer, RelayUnavailable>,
  giveUpAt: number
): Effect.fn.Return<Option.Option<Answer>, RelayUnavailable> {
  const waiting = yield* Queue.poll(answers)
  if (Option.isSome(waiting)) return waiting
  const left = giveUpAt - (yield* Clock.currentTimeMillis)
  if (left <= 0) return Option.none()
  return yield* Effect.timeoutOption(Queue.take(answers), left)
})

/** Unix milliseconds. */
export const patienceEnds = (
  patience: Pick<Patience, "deadline">,
  wait: Duration.Duration
): Effect.Effect<number> =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    Math.min(now + Duration.toMillis(wait), patience.deadline)
  )

/** Tells of a text what is new in it. */
const shown = (tell: Listener["tell"]) => {
  let before = ""
  const show = Effect.fnUntraced(function* (text: string) {
    const goesOn = text.startsWith(before)
    if (!goesOn) yield* tell({ _tag: "Restarted" })
    const rest = goesOn ? text.slice(before.length) : text
    if (rest !== "") yield* tell({ _tag: "Chunk", text: rest })
    before = text
  })
  return {
    /** A text that begins anew in the same words has nothing to tell until it is further. */
    part: (text: string) => (before.startsWith(text) ? Effect.void : show(text)),
    whole: (delivered: Delivery.Delivered) => Effect.as(show(delivered.text), delivered)
  }
}

const undelivered = ({ failure, refund, underway }: Wait): Undelivered => {
  const invalid =
    failure ?? underway.complaint ?? (refund === undefined ? undefined : "the provider gave up")
  if (invalid !== undefined) return new Undelivered({ reason: "invalid", message: invalid, refund })
  return Delivery.hasBegun(underway)
    ? new Undelivered({
        reason: "truncated",
        message: `the text stopped after ${underway.next} pieces without its end`,
        refund
      })
    : new Undelivered({ reason: "nothing", message: "nothing was delivered in time", refund })
}
