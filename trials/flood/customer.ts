/** A process that buys without end: mostly from an honest provider, at times from one that babbles. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Msat } from "@farthing/protocol"
import { Config, Effect, Fiber, Layer, Stream } from "effect"
import { Market } from "farthing"
import { price } from "./Answers.ts"
import * as Attendant from "./Attendant.ts"

const customer = Market.customer.pipe(
  Market.livingIn(process.env),
  Layer.provide(NodeServices.layer)
)

/** One in so many purchases goes to the one that babbles. */
const folly = 8

const program = Effect.gen(function* () {
  const client = yield* ComputeClient.ComputeClient
  const treasury = yield* Treasury.Treasury
  const honest = yield* Config.String("FLOOD_PROVIDER")
  const babbler = yield* Config.String("FLOOD_BABBLER")
  const failed = new Map<string, number>()
  const counts = { done: 0, providers: 0, turn: 0, closed: false }
  const fail = (tag: string) => Effect.sync(() => void failed.set(tag, (failed.get(tag) ?? 0) + 1))

  const buy = Effect.gen(function* () {
    counts.turn++
    const wanted = counts.turn % folly === 0 ? babbler : honest
    const providers = yield* client.discoverProviders()
    counts.providers = providers.length
    const provider = providers.find(({ pubkey }) => pubkey === wanted)
    if (provider === undefined) return yield* fail(wanted === honest ? "NotFound" : "NoBabbler")
    const request = {
      provider,
      prompt: `What is a farthing? (${counts.turn})`,
      budget: Msat.make(price * 2)
    }
    yield* counts.turn % 2 === 0
      ? Stream.runDrain(client.streamInference(request))
      : client.requestInference(request)
    counts.done++
  }).pipe(
    Effect.catch(({ _tag }) => fail(_tag)),
    Effect.andThen(Effect.sleep("500 millis"))
  )

  const buying = yield* Effect.forkScoped(Effect.repeat(buy, { while: () => !counts.closed }))
  yield* Attendant.serve({
    purchases: Effect.sync(() => ({
      done: counts.done,
      failed: Object.fromEntries(failed),
      providers: counts.providers
    })),
    /** Buys no more, and takes up what is open. */
    close: Effect.gen(function* () {
      counts.closed = true
      yield* Fiber.await(buying)
      return (yield* client.recover).length
    }),
    audit: treasury.audit
  })
}).pipe(Effect.scoped)

NodeRuntime.runMain(Effect.provide(program, customer))
