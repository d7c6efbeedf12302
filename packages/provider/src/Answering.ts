/** From a paid job to what is said about it: the text, or that there is none. */
import type { AgentMessage, NostrEvent } from "@farthing/protocol"
import type { Relay } from "@farthing/relay"
import { Effect } from "effect"
import type { Answers } from "./Answers.ts"
import { infer } from "./Inference.ts"
import type * as InferenceBackend from "./InferenceBackend.ts"
import { InferenceError } from "./InferenceBackend.ts"
import { isModern, type Job } from "./Job.ts"
import * as Outflow from "./Outflow.ts"
import type { Resolved } from "./ProviderOptions.ts"
import * as Result from "./Result.ts"

/** How a job is begun. */
export interface Beginning {
  /** How often it was begun, this time included. */
  readonly begun: number
  /** Unix seconds: no piece of a former text was dated later. */
  readonly saidUntil: number
  /** Whether it is still ours. */
  readonly isOurs: Effect.Effect<boolean>
}

export type Answer =
  | {
      readonly _tag: "Text"
      /** What is left to be sent of it, in its order. */
      readonly events: ReadonlyArray<NostrEvent.NostrEvent>
      readonly tokensOut: number | undefined
    }
  | { readonly _tag: "NoText"; readonly error: InferenceError }

export interface Answering {
  /** Infers, and hands a stream out on the way. */
  readonly answer: (job: Job, beginning: Beginning) => Effect.Effect<Answer>
}

/** Quick answers need no word that somebody works on them. */
const silence = "1 second"

/** A job that was begun more often than this brings the process down with it. */
const mostBegun = 5

export const make = (services: {
  readonly backend: InferenceBackend.Shape
  readonly relay: Relay.Shape
  readonly answers: Answers
  readonly options: Resolved
  /** What was handed out of a job's text is void: another backend begins anew. */
  readonly onAnew: (job: Job, because: InferenceError) => Effect.Effect<void>
  readonly sayStatus: (job: Job, status: AgentMessage.JobStatus["status"]) => Effect.Effect<void>
}): Answering => {
  const { answers, backend, onAnew, options, relay, sayStatus } = services

  const inferAndSign = Effect.fnUntraced(function* (job: Job, beginning: Beginning) {
    const { begun, isOurs, saidUntil } = beginning
    const outflow = yield* Outflow.make(job, { answers, relay, after: saidUntil, isOurs })
    let isAnew = begun > 1
    if (isModern(job.message)) {
      yield* Effect.suspend(() =>
        outflow.signed() === 0 ? sayStatus(job, "processing") : Effect.void
      ).pipe(Effect.delay(silence), Effect.forkScoped)
    }
    const inferred = yield* infer(backend, job, options.maxTokens, {
      handOut: job.message.stream === true ? outflow.handOut : undefined,
      beginAnew: (because) =>
        Effect.andThen(outflow.beginAnew, onAnew(job, because)).pipe(
          Effect.andThen(Effect.sync(() => void (isAnew = true)))
        )
    })
    const limit = yield* relay.maxEventBytes
    const left = yield* outflow.left
    const compose = isAnew ? Result.replacement : Result.ending
    const signed = yield* Effect.forEach(
      compose(job, inferred, outflow.signed(), limit),
      (message) => answers.sign(job, message, outflow.after())
    )
    const text: Answer = {
      _tag: "Text",
      events: [...left, ...signed],
      tokensOut: inferred.tokensOut
    }
    return text
  }, Effect.scoped)

  return {
    answer: (job, beginning) =>
      beginning.begun > mostBegun
        ? Effect.succeed(noText(begunTooOften))
        : inferAndSign(job, beginning).pipe(Effect.catch((error) => Effect.succeed(noText(error))))
  }
}

const noText = (error: InferenceError): Answer => ({ _tag: "NoText", error })

const begunTooOften = new InferenceError({ reason: "failed", message: "begun too often" })
