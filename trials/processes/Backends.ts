/** What the providers of a trial infer with. */
import { EmbeddedBackend, InferenceBackend } from "@farthing/provider"
import { Effect, Layer, Schedule, Stream } from "effect"
import type * as Task from "./Task.ts"

export const layer = (backend: Task.Backend): Layer.Layer<InferenceBackend.InferenceBackend> => {
  switch (backend) {
    case "embedded":
      return EmbeddedBackend.layer
    case "slow":
      return scripted(slowly)
    case "failing":
      return scripted(Stream.fail(broken))
  }
}

const scripted = (
  infer: Stream.Stream<InferenceBackend.Part, InferenceBackend.InferenceError>
): Layer.Layer<InferenceBackend.InferenceBackend> =>
  Layer.succeed(InferenceBackend.InferenceBackend)({
    name: "scripted",
    models: Effect.succeed(["scripted"]),
    infer: () => infer
  })

/** Longer apart than what is handed out together. */
const pause = "80 millis"

const slowly = Stream.make(
  { _tag: "Text", text: "A farthing " } as const,
  { _tag: "Text", text: "was a quarter " } as const,
  { _tag: "Text", text: "of a penny." } as const,
  { _tag: "Finish", reason: "stop", tokensIn: 1, tokensOut: 3 } as const
).pipe(Stream.schedule(Schedule.spaced(pause)))

/** For good: it is not asked again. */
const broken = new InferenceBackend.InferenceError({
  reason: "refused",
  message: "this backend never answers"
})
