/** A market of 100,000 providers. */
import { Discovery, Selection } from "@farthing/compute"
import { Msat, NostrEvent } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import { Context, Effect, Layer } from "effect"
import * as Events from "../src/Events.ts"
import * as Processes from "../src/Processes.ts"
import { atMost, measured, type Row } from "../src/Row.ts"
import { median } from "../src/Statistics.ts"
import { timed, timedSync } from "../src/Stopwatch.ts"
import * as Wire from "../src/Wire.ts"

const count = 100_000

export const discovery: Row = {
  name: "discovery",
  title: "discovery among 100,000",
  measure: Effect.gen(function* () {
    const url = yield* Processes.relay
    const wire = yield* Wire.connect(url)
    const now = yield* UnixTime.now
    const events = Events.announcements(count, now)
    yield* Effect.promise(() => wire.publish(events))
    const verifying = timedSync(() => {
      for (const event of events) NostrEvent.verify(event)
    })

    const context = yield* Layer.build(
      Discovery.layer({ network: "regtest", capacity: count }).pipe(
        Layer.provide(Relay.layer({ urls: [url] }))
      )
    )
    const { discover } = Context.get(context, Discovery.Discovery)
    const wish = { budget: Msat.make(50_000), selection: {}, now, limit: 3 }
    const cold = yield* timed(
      Effect.map(discover("5 minutes"), ({ providers }) => ({
        found: providers.length,
        ranked: Selection.rank(providers, wish)
      }))
    )
    const warm: Array<number> = []
    for (let round = 0; round < 50; round++) {
      const { wall } = yield* timed(
        Effect.map(discover("1 minute"), ({ providers }) => Selection.rank(providers, wish))
      )
      warm.push(wall * 1_000)
    }
    return measured([
      {
        what: `discovery of ${cold.result.found} providers, cold, to a ranked list`,
        unit: "s",
        value: cold.wall,
        baseline: { name: "their signatures alone", value: verifying.wall },
        bar: atMost("ratio", 1.3)
      },
      {
        what: "a choice among them, once they are known",
        unit: "ms",
        value: median(warm),
        bar: atMost("value", 5)
      }
    ])
  })
}
