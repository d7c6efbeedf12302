/** From a job to what is said about it: the text, or that there is none. */
import type { AgentMessage, NostrEvent } from "@farthing/protocol"
import { type Relay, type Signer, UnixTime } from "@farthing/relay"
import { Duration, Effect } from "effect"
import type { Answers } from "./Answers.ts"
import * as Envelope from "./Envelope.ts"
import { infer } from "./Inference.ts"
import type * as InferenceBackend from "./InferenceBackend.ts"
import { InferenceError } from "./InferenceBackend.ts"
import { isModern, type Job } from "./Job.ts"
import * as Lock from "./Lock.ts"
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
  readonly signer: Signer.Shape
  readonly answers: Answers
  readonly options: Resolved
  /** What was handed out of a job's text is void: another backend begins anew. */
  readonly onAnew: (job: Job, because: InferenceError) => Effect.Effect<void>
  readonly sayStatus: (job: Job, status: AgentMessage.JobStatus["status"]) => Effect.Effect<void>
}): Answering => {
  const { answers, backend, onAnew, options, relay, sayStatus, signer } = services

  const inferAndSign = Effect.fnUntraced(function* (job: Job, beginning: Beginning) {
    const { begun, isOurs, saidUntil } = beginning
    const envelope = yield* Envelope.make(job, signer)
    const isStream = job.message.stream === true
    if (envelope.isSealed && isStream && begun > 1) return yield* cannotBeginAnew
    const outflow = yield* Outflow.make(job, { answers, relay, envelope, after: saidUntil, isOurs })
    let isAnew = begun > 1 && !envelope.isSealed
    if (isModern(job.message)) {
      yield* Effect.suspend(() =>
        outflow.signed() === 0 ? sayStatus(job, "processing") : Effect.void
      ).pipe(Effect.delay(silence), Effect.forkScoped)
    }
    const inferred = yield* infer(backend, job, options.maxTokens, {
      handOut: isStream ? outflow.handOut : undefined,
      beginAnew: (because) =>
        envelope.isSealed && outflow.signed() > 0
          ? cannotBeginAnew
          : Effect.andThen(outflow.beginAnew, onAnew(job, because)).pipe(
              Effect.andThen(Effect.sync(() => void (isAnew = !envelope.isSealed)))
            )
    })
    const limit = envelope.roomFor(yield* relay.maxEventBytes)
    const left = yield* outflow.left
    const before = outflow.signed()
    const parts = (isAnew ? Result.replacement : Result.ending)(job, inferred, before, limit)
    const messages = [
      ...parts.map((part, index) => envelope.put(part, before + index)),
      ...envelope.close(before + parts.length)
    ]
    const signed = yield* Effect.forEach(messages, (message) =>
      answers.sign(job, message, outflow.after())
    )
    const text: Answer = {
      _tag: "Text",
      events: [...left, ...signed],
      tokensOut: inferred.tokensOut
    }
    return text
  }, Effect.scoped)

  /** Where money is locked, or waited for, in as much time as there is. */
  const inTime = Effect.fnUntraced(function* (
    job: Job,
    answer: Effect.Effect<Answer, InferenceError>
  ) {
    const end = Lock.mustBeSaidBy(job)
    if (end === undefined) return yield* answer
    const left = end - (yield* UnixTime.now)
    if (left <= 0) return yield* tooLate
    return yield* Effect.timeoutOrElse(answer, {
      duration: Duration.min(Duration.seconds(left), options.jobTimeout),
      orElse: () => tooLate
    })
  })

  return {
    answer: (job, beginning) =>
      beginning.begun > mostBegun
        ? Effect.succeed(noText(begunTooOften))
        : inTime(job, inferAndSign(job, beginning)).pipe(
            Effect.catch((error) => Effect.succeed(noText(error)))
          )
  }
}

const noText = (error: InferenceError): Answer => ({ _tag: "NoText", error })

const begunTooOften = new InferenceError({ reason: "failed", message: "begun too often" })

const tooLate = Effect.fail(
  new InferenceError({ reason: "timeout", message: "no time is left for it" })
)

/** The places of its first parts are taken, and what is sealed is read as a whole. */
const cannotBeginAnew = Effect.fail(
  new InferenceError({
    reason: "truncated",
    message: "a sealed text broke off, and parts of it are with its customer"
  })
)
