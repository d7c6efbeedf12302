/**
 * A text on its way out while it is still being inferred. Relays that are slow, or refuse a
 * piece, hold back the rest of the stream and not the inference.
 */
import type { NostrEvent } from "@farthing/protocol"
import type { Relay } from "@farthing/relay"
import { Effect, Fiber } from "effect"
import type { Answers } from "./Answers.ts"
import type { HandOut } from "./Inference.ts"
import type { Job } from "./Job.ts"
import * as Result from "./Result.ts"

export interface Outflow {
  readonly handOut: HandOut
  /** How many pieces were signed. */
  readonly signed: () => number
  /** What was signed, and has not reached the relays even a while later. */
  readonly left: Effect.Effect<ReadonlyArray<NostrEvent.NostrEvent>>
}

/** How long the pieces before are waited for. */
const patience = "2 seconds"

/** Sends until the scope closes. */
export const make = Effect.fnUntraced(function* (
  job: Job,
  services: { readonly answers: Answers; readonly relay: Relay.Shape }
) {
  const { answers, relay } = services
  const scope = yield* Effect.scope
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

  const handOut: HandOut = Effect.fnUntraced(function* (text) {
    if ((yield* left).length > 0) return false
    const messages = Result.pieces(job, text, signed, yield* relay.maxEventBytes)
    signed += messages.length
    underway = yield* Effect.forEach(messages, (message) => answers.sign(job, message))
    sending = yield* Effect.forkIn(send(underway), scope, { startImmediately: true })
    return true
  })

  return { handOut, signed: () => signed, left } satisfies Outflow
})
