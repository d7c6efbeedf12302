/**
 * From a job to its text. Asks the backend again where that may help, but not once a part
 * of the text has been handed out, because the next one would differ; a backend that knows
 * others begins the text anew with them.
 */
import { Cause, type Duration, Effect, Queue, Schedule, Stream } from "effect"
import { InferenceError, type InferenceRequest, type Part, type Shape } from "./InferenceBackend.ts"
import type { Job } from "./Job.ts"

export interface Inferred {
  /** The whole text. */
  readonly text: string
  /** What of it was not handed out yet. */
  readonly rest: string
  readonly reason: string
  readonly tokensIn: number | undefined
  readonly tokensOut: number | undefined
}

/** What is done with a text while it comes. */
export interface Listener {
  /** Hands out a part of the text; false where it is to come again, a little later. */
  readonly handOut: ((text: string) => Effect.Effect<boolean>) | undefined
  /** What was handed out is void. */
  readonly beginAnew: (because: InferenceError) => Effect.Effect<void, InferenceError>
}

/** Pieces that come within this time are handed out together. */
const gather = "50 millis"

/** What could not be handed out waits no longer than this for more to come. */
const askAgain = "250 millis"

const upTo = <A, E>(duration: Duration.Input, parts: Effect.Effect<ReadonlyArray<A>, E>) =>
  Effect.timeoutOrElse(parts, { duration, orElse: () => Effect.succeed<ReadonlyArray<A>>([]) })

export const infer = (
  backend: Shape,
  job: Job,
  maxTokens: number,
  { beginAnew, handOut }: Listener
): Effect.Effect<Inferred, InferenceError> => {
  let handedOut = ""

  const attempt = Effect.gen(function* () {
    const parts = yield* Queue.unbounded<Part, InferenceError | Cause.Done>()
    yield* Stream.runIntoQueue(backend.infer(toRequest(job, maxTokens)), parts).pipe(
      Effect.forkScoped
    )
    let text = ""
    let isLate = false
    while (true) {
      const come = Queue.takeAll(parts)
      for (const part of yield* isLate ? upTo(askAgain, come) : come) {
        switch (part._tag) {
          case "Text":
            text += part.text
            break
          case "Anew":
            yield* beginAnew(part.because)
            text = handedOut = ""
            break
          case "Finish": {
            const { reason, tokensIn, tokensOut } = part
            return { text, rest: text.slice(handedOut.length), reason, tokensIn, tokensOut }
          }
        }
      }
      const ready = text.slice(handedOut.length, lastWhole(text))
      if (handOut === undefined || ready === "") continue
      isLate = !(yield* handOut(ready))
      if (!isLate) handedOut += ready
      yield* Effect.sleep(gather)
    }
  }).pipe(
    Effect.scoped,
    Effect.catchTag("Done", () => brokenOff),
    Effect.catchDefect(broke)
  )

  return Effect.retry(attempt, {
    while: (error) => error.isTransient && handedOut === "",
    schedule: again
  })
}

const again = Schedule.exponential("500 millis").pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 3 })
)

const broke = (defect: unknown) =>
  Effect.fail(new InferenceError({ reason: "failed", message: `the backend broke: ${defect}` }))

const brokenOff = Effect.fail(
  new InferenceError({ reason: "truncated", message: "the backend ended without a finish" })
)

const toRequest = (job: Job, maxTokens: number): InferenceRequest => {
  const { max_tokens, prompt, seed, stop, temperature, top_p } = job.message
  return {
    model: job.model,
    prompt,
    maxTokens: Math.min(max_tokens, maxTokens),
    ...(temperature === undefined ? {} : { temperature }),
    ...(top_p === undefined ? {} : { topP: top_p }),
    ...(stop === undefined ? {} : { stop }),
    ...(seed === undefined ? {} : { seed })
  }
}

/** Where the last whole character ends: a backend may cut a surrogate pair in two. */
const lastWhole = (text: string): number =>
  /[\uD800-\uDBFF]$/.test(text) ? text.length - 1 : text.length
