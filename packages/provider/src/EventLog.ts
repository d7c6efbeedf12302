/** What happens, for whoever listens: the last few events, and then each as it comes. */
import { Deferred, Effect, PubSub, Stream } from "effect"
import * as Metrics from "./Metrics.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"

const remembered = 16

/** Who listens too slowly loses the oldest. */
const buffered = 1_024

export const make = Effect.gen(function* () {
  const hub = yield* PubSub.sliding<ProviderEvent>({ capacity: buffered, replay: remembered })
  const wentOnline = yield* Deferred.make<void>()
  const count = Metrics.counting(yield* Effect.context())
  let online = false

  const tell = Effect.fnUntraced(function* (event: ProviderEvent) {
    count(event)
    if (event._tag === "Online" || event._tag === "Offline") online = event._tag === "Online"
    if (event._tag === "Online") yield* Deferred.succeed(wentOnline, undefined)
    yield* PubSub.publish(hub, event)
  })

  return {
    tell,
    report: ({ message }: { readonly message: string }) => tell({ _tag: "Trouble", message }),
    events: Stream.fromPubSub(hub),
    /** Waits until it was announced for the first time. */
    online: Deferred.await(wentOnline),
    isOnline: () => online
  }
})
