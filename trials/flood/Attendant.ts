/**
 * How a process answers whoever started it, over the channel that Node gives to forked processes:
 * every process tells its heap, and whatever else it knows.
 */
import { Cause, Effect, FiberSet, Schema } from "effect"
import { writeHeapSnapshot } from "node:v8"
import * as Heap from "./Heap.ts"

const Question = Schema.Struct({ id: Schema.Int, about: Schema.String })

export const Answer = Schema.Struct({
  id: Schema.Int,
  value: Schema.optionalKey(Schema.Unknown),
  /** Why there is no value. */
  trouble: Schema.optionalKey(Schema.String)
})

type Knowledge = Readonly<Record<string, Effect.Effect<unknown, unknown>>>

/** Answers until the other side goes away; then the process has nothing more to do. */
export const serve = (knowledge: Knowledge): Effect.Effect<void> =>
  Effect.scoped(
    Effect.gen(function* () {
      const run = yield* FiberSet.makeRuntime()
      const known: Knowledge = {
        heap: Heap.measure,
        snapshot: Effect.sync(() => writeHeapSnapshot()),
        ...knowledge
      }
      const answer = Effect.fnUntraced(function* ({ about, id }: typeof Question.Type) {
        const value = known[about] ?? Effect.die(`Nothing is known about ${about}`)
        yield* Effect.matchCause(value, {
          onSuccess: (value) => process.send?.({ id, value }),
          onFailure: (cause) => process.send?.({ id, trouble: Cause.pretty(cause) })
        })
      })
      process.on("message", (question) =>
        run(Effect.flatMap(Effect.orDie(Schema.decodeUnknownEffect(Question)(question)), answer))
      )
      yield* Effect.callback<void>((resume) => {
        process.once("disconnect", () => resume(Effect.void))
      })
    })
  )
