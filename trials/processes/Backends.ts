/** What the providers of a trial infer with. */
import { EmbeddedBackend, InferenceBackend } from "@farthing/provider"
import { Effect, Layer, Schedule, Stream } from "effect"
import * as Lot from "./Lot.ts"
import type * as Task from "./Task.ts"

export const layer = (
  backend: Task.Backend,
  lot = ""
): Layer.Layer<InferenceBackend.InferenceBackend> => {
  switch (backend) {
    case "embedded":
      return EmbeddedBackend.layer
    case "slow":
      return scripted(() => slowly)
    case "failing":
      return scripted(() => Stream.fail(broken))
    case "fickle": {
      const draw = Lot.of(lot)
      return scripted(() => (draw.oneIn(12) ? draw.choice(whims) : atOnce))
    }
  }
}

type Parts = Stream.Stream<InferenceBackend.Part, InferenceBackend.InferenceError>

const scripted = (infer: () => Parts): Layer.Layer<InferenceBackend.InferenceBackend> =>
  Layer.succeed(InferenceBackend.InferenceBackend)({
    name: "scripted",
    models: Effect.succeed(["scripted"]),
    infer: () => Stream.suspend(infer)
  })

const atOnce: Parts = Stream.make(
  { _tag: "Text", text: "A farthing " },
  { _tag: "Text", text: "was a quarter " },
  { _tag: "Text", text: "of a penny." },
  { _tag: "Finish", reason: "stop", tokensIn: 1, tokensOut: 3 }
)

/** Longer apart than what is handed out together. */
const slowly = Stream.schedule(atOnce, Schedule.spaced("80 millis"))

/** For good: it is not asked again. */
const broken = new InferenceBackend.InferenceError({
  reason: "refused",
  message: "this backend never answers"
})

const whims: ReadonlyArray<Parts> = [
  slowly,
  Stream.fail(broken),
  Stream.concat(Stream.take(slowly, 2), Stream.fail(broken))
]
