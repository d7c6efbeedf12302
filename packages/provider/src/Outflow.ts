/**
 * A text on its way out while it is still being inferred. Relays that are slow, or refuse a
 * piece, hold back the rest of the stream and not the inference.
 */
import type { NostrEvent } from "@farthing/protocol"
import type { Relay } from "@farthing/relay"
import { UnixTime } from "@farthing/relay"
import { Effect, Fiber } from "effect"
import type { Answers } from "./Answers.ts"
import type { Envelope } from "./Envelope.ts"
import type { Job } from "./Job.ts"
import * as Result from "./Result.ts"

export interface Outflow {
  /** Signs and sends a part of the text; false where it is to come again, a little later. */
  readonly handOut: (text: string) => Effect.Effect<boolean>
  /** The text begins anew, and what was handed out is void. */
  readonly beginAnew: Effect.Effect<void>
  /** How many pieces of the text were signed. */
  readonly signed: () => number
  /** Every piece of a former text is dated so, or earlier; 0 if there was none. */
  readonly after: () => number
  /** What was signed, and has not reached the relays even a while later. */
  readonly left: Effect.Effect<ReadonlyArray<NostrEvent.NostrEvent>>
}

/** How long the pieces before are waited for. */
const patience = "2 seconds"

/** Sends until the scope closes. */
export const make = Effect.fnUntraced(function* (
  job: Job,
  services: {
    readonly answers: Answers
    readonly relay: Relay.Shape
    readonly envelope: Envelope
    /** Unix seconds: a former text may have been dated so. */
    readonly after: number
    /** Whether the job is still ours to speak of. */
    readonly isOurs: Effect.Effect<boolean>
  }
) {
  const { answers, envelope, isOurs, relay } = services
  const scope = yield* Effect.scope
  let after = services.after
  let latest = after
  let signed = 0
  let underway: ReadonlyArray<NostrEvent.NostrEvent> = []
  let sending: Fiber.Fiber<void> | undefined

  const send = (events: ReadonlyArray<NostrEvent.NostrEvent>) =>
    Effect.forEach(
      events,
      (event, index) =>
        Effect.tap(answers.deliver(event), () =>
          Effect.sync(() => (underway = events.slice(index + 1)))
        ),
      { discard: true }
    ).pipe(
      // It stays with what is left, whose sender tells the customer.
      Effect.ignore
    )

  const left = Effect.suspend(() =>
    sending === undefined ? Effect.void : Fiber.await(sending)
  ).pipe(
    Effect.timeoutOption(patience),
    Effect.map(() => underway)
  )

  // No piece is dated ahead of the clock: what may have been said is known from the time alone.
  const mayBeSaid = Effect.gen(function* () {
    return (yield* left).length === 0 && (yield* UnixTime.now) > after
  })

  return {
    handOut: Effect.fnUntraced(function* (text) {
      const limit = yield* relay.maxEventBytes
      if (!(yield* mayBeSaid)) return false
      const messages = Result.pieces(job, text, signed, envelope.roomFor(limit))
      const events = yield* Effect.forEach(messages, (message, index) =>
        answers.sign(job, envelope.put(message, signed + index), after)
      )
      if (!(yield* isOurs)) return false
      signed += events.length
      underway = events
      for (const { created_at } of events) latest = Math.max(latest, created_at)
      sending = yield* Effect.forkIn(send(underway), scope, { startImmediately: true })
      return true
    }),
    beginAnew: Effect.gen(function* () {
      if (sending !== undefined) yield* Fiber.interrupt(sending)
      sending = undefined
      underway = []
      signed = 0
      after = latest
    }),
    signed: () => signed,
    after: () => after,
    left
  } satisfies Outflow
})
