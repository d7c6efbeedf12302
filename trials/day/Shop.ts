/** The worker itself, as it is deployed but for its process: told by hand, its log kept. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Deferred, Effect, Fiber, Queue, Schema } from "effect"
import { Environment } from "farthing"
import { Signals } from "../../apps/worker/src/Signals.ts"
import * as Worker from "../../apps/worker/src/Worker.ts"
import type * as Town from "./Town.ts"

export interface Shop {
  /** Where it says how it is. */
  readonly url: string
  /** Tells it to stop, and waits until it has. */
  readonly stop: Effect.Effect<void>
}

const Serving = Schema.fromJsonString(
  Schema.Struct({
    message: Schema.Literal("health and metrics are served"),
    about: Schema.Struct({ url: Schema.String })
  })
)

/** Opens; `onLine` gets every line of the log. */
export const open = Effect.fnUntraced(function* (
  environment: Town.Environment,
  onLine: (line: string) => void
) {
  const signals = yield* Queue.unbounded<string>()
  const serving = yield* Deferred.make<string>()
  const hear = (line: string): void => {
    onLine(line)
    const said = Schema.decodeOption(Serving)(line)
    if (said._tag === "Some") Deferred.doneUnsafe(serving, Effect.succeed(said.value.about.url))
  }
  const running = yield* Worker.run().pipe(
    Effect.provideService(Signals, { next: Queue.take(signals), reload: Effect.never }),
    Effect.provideService(Environment.Environment, { ...environment, FARTHING_WORKER_PORT: "0" }),
    Effect.provideService(Console.Console, { ...globalThis.console, log: hear }),
    Effect.provide(NodeServices.layer),
    Effect.forkScoped
  )
  const url = yield* Effect.raceFirst(
    Deferred.await(serving),
    Effect.andThen(Fiber.join(running), Effect.die("the worker has ended"))
  )
  const shop: Shop = {
    url,
    stop: Effect.andThen(Queue.offer(signals, "SIGTERM"), Fiber.join(running)).pipe(
      // What was away when it was to finish a job; the next life finishes it.
      Effect.catchTag("LeftUndone", () => Effect.void),
      Effect.orDie
    )
  }
  return shop
}, Effect.orDie)
