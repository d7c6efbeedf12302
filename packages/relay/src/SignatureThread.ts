/** A thread that checks signatures, many at a time, while this one goes on. */
import type { NostrEvent } from "@farthing/protocol"
import { Effect, Schema, type Scope } from "effect"
import { extname } from "node:path"
import { Worker } from "node:worker_threads"
import * as SignatureClaims from "./SignatureClaims.ts"

export interface SignatureThread {
  /** Those whose signature is their author's; whether the id is that of the event is not asked. */
  readonly signedOf: (
    events: ReadonlyArray<NostrEvent.NostrEvent>
  ) => Effect.Effect<ReadonlyArray<NostrEvent.NostrEvent>, SignatureThreadUnavailable>
}

/** It could not be started, or has died. */
export class SignatureThreadUnavailable extends Schema.TaggedError<SignatureThreadUnavailable>()(
  "SignatureThreadUnavailable",
  { message: Schema.String }
) {}

type Answer = Effect.Effect<Uint8Array, SignatureThreadUnavailable>

/** Its program lies beside this file, in the sources as in what is built of them. */
const program = new URL(`./SignatureWorker${extname(import.meta.url)}`, import.meta.url)

const start = Effect.try({
  try: () => new Worker(program),
  catch: (cause) => new SignatureThreadUnavailable({ message: String(cause) })
})

/** Runs until the scope closes. */
export const make: Effect.Effect<SignatureThread, SignatureThreadUnavailable, Scope.Scope> =
  Effect.gen(function* () {
    const worker = yield* Effect.acquireRelease(start, (worker) =>
      Effect.promise(() => worker.terminate())
    )
    /** Whoever waits; answers come in the order of the questions. */
    const waiting: Array<(answer: Answer) => void> = []
    let death: SignatureThreadUnavailable | undefined

    const die = (message: string): void => {
      death ??= new SignatureThreadUnavailable({ message })
      for (const answer of waiting.splice(0)) answer(Effect.fail(death))
    }
    worker.on("message", (checked: Uint8Array) => waiting.shift()?.(Effect.succeed(checked)))
    worker.on("error", (error) => die(String(error)))
    worker.on("exit", () => die("it has ended"))

    const check = (claims: Uint8Array<ArrayBuffer>): Answer =>
      Effect.callback((answer) => {
        if (death !== undefined) return answer(Effect.fail(death))
        waiting.push(answer)
        worker.postMessage(claims, [claims.buffer])
      })

    return {
      signedOf: (events) =>
        Effect.suspend(() => check(SignatureClaims.encode(events))).pipe(
          Effect.map((checked) => events.filter((_, index) => checked[index] === 1))
        )
    }
  })
