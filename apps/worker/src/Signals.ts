/** Whoever runs the worker tells it to stop, or to read its configuration again. */
import { Context, Effect, Layer, Queue } from "effect"

export interface Shape {
  /** Waits for the next word to stop; each is told once. */
  readonly next: Effect.Effect<string>
  /** Waits until it is told to read its configuration again. */
  readonly reload: Effect.Effect<string>
}

export class Signals extends Context.Service<Signals, Shape>()("@farthing/worker/Signals") {}

/** Of a process that has a terminal, `SIGHUP` says that it is gone; of any other, to read again. */
const stopping = (hasTerminal: boolean): ReadonlyArray<NodeJS.Signals> =>
  hasTerminal ? ["SIGTERM", "SIGINT", "SIGHUP"] : ["SIGTERM", "SIGINT"]

const hear = Effect.fnUntraced(function* (signals: ReadonlyArray<NodeJS.Signals>) {
  const queue = yield* Queue.unbounded<string>()
  const onSignal = (signal: NodeJS.Signals) => Queue.offerUnsafe(queue, signal)
  yield* Effect.acquireRelease(
    Effect.sync(() => signals.forEach((signal) => process.on(signal, onSignal))),
    () => Effect.sync(() => signals.forEach((signal) => process.off(signal, onSignal)))
  )
  return queue
})

/** The signals of this process; none of them ends it by itself any more. */
export const layer = Layer.effect(
  Signals,
  Effect.gen(function* () {
    const hasTerminal = process.stdin.isTTY || process.stdout.isTTY
    return Signals.of({
      next: Queue.take(yield* hear(stopping(hasTerminal))),
      reload: hasTerminal ? Effect.never : Queue.take(yield* hear(["SIGHUP"]))
    })
  })
)
