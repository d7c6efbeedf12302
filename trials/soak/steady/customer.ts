/** A process that buys in rounds of many purchases at once, and is at rest in between. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Msat } from "@farthing/protocol"
import { Config, Effect, Fiber, Layer, Schedule, Semaphore } from "effect"
import { Market } from "farthing"
import * as Attendant from "../../flood/Attendant.ts"
import { handles } from "./Handles.ts"

const customer = Market.customer.pipe(
  Market.livingIn(process.env),
  Layer.provide(NodeServices.layer)
)

const budget = Msat.make(50_000)

const program = Effect.gen(function* () {
  const client = yield* ComputeClient.ComputeClient
  const treasury = yield* Treasury.Treasury
  const wanted = yield* Config.Int("SOAK_PURCHASES")
  const atOnce = yield* Config.Int("SOAK_AT_ONCE")
  const pace = yield* Config.Int("SOAK_ROUND_MILLIS")
  const turn = yield* Semaphore.make(1)
  const failed = new Map<string, number>()
  let begun = 0
  let done = 0

  const buy = Effect.suspend(() =>
    client.requestInference({ prompt: `What is a farthing? (${++begun})`, budget })
  ).pipe(
    Effect.matchEffect({
      onSuccess: () => Effect.sync(() => void done++),
      onFailure: ({ _tag, message }) =>
        Effect.andThen(
          Effect.sync(() => failed.set(_tag, (failed.get(_tag) ?? 0) + 1)),
          Effect.logDebug(message)
        )
    })
  )

  const round = Effect.suspend(() =>
    Effect.replicateEffect(buy, Math.min(atOnce, wanted - begun), {
      concurrency: "unbounded",
      discard: true
    })
  ).pipe(turn.withPermit)

  const buying = yield* Effect.forkScoped(
    Effect.repeat(round, { schedule: Schedule.fixed(pace), while: () => begun < wanted })
  )
  yield* Attendant.serve({
    purchases: Effect.sync(() => ({ done, failed: Object.fromEntries(failed) })),
    /** Until it may go on, nothing is bought, and what was begun is done. */
    rest: turn.take(1),
    goOn: turn.release(1),
    handles,
    close: Effect.gen(function* () {
      yield* Fiber.await(buying)
      return (yield* client.recover).length
    }),
    audit: treasury.audit
  })
}).pipe(Effect.scoped)

NodeRuntime.runMain(Effect.provide(program, customer))
