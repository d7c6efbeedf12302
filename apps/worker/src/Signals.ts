/** Whoever runs the worker tells it to stop: the operating system, or a test. */
import { Context, Effect, Layer, Queue } from "effect"

export interface Shape {
  /** Waits for the next word; each is told once. */
  readonly next: Effect.Effect<string>
}

export class Signals extends Context.Service<Signals, Shape>()("@farthing/worker/Signals") {}

/** `SIGHUP`: the terminal in which it was started is gone. */
const heard: ReadonlyArray<NodeJS.Signals> = ["SIGTERM", "SIGINT", "SIGHUP"]

/** The signals of this process; none of them ends it by itself any more. */
export const layer = Layer.effect(
  Signals,
  Effect.gen(function* () {
    const signals = yield* Queue.unbounded<string>()
    const onSignal = (signal: NodeJS.Signals) => Queue.offerUnsafe(signals, signal)
    yield* Effect.acquireRelease(
      Effect.sync(() => heard.forEach((signal) => process.on(signal, onSignal))),
      () => Effect.sync(() => heard.forEach((signal) => process.off(signal, onSignal)))
    )
    return Signals.of({ next: Queue.take(signals) })
  })
)
