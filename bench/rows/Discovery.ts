/** A market of 100,000 providers. */
import { Discovery, Provider } from "@farthing/compute"
import { Key, Msat, NostrEvent } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Context, Effect, FileSystem, Layer } from "effect"
import { join } from "node:path"
import * as Events from "../src/Events.ts"
import * as Processes from "../src/Processes.ts"
import { atMost, measured, type Row } from "../src/Row.ts"
import { median } from "../src/Statistics.ts"
import { timed, timedSync } from "../src/Stopwatch.ts"
import * as Wire from "../src/Wire.ts"

const count = 100_000

/** Of those we have dealt with. */
const records: Discovery.Records = new Map(
  Array.from({ length: 1_000 }, () => [
    Key.publicKeyOf(Key.generate()),
    { ...Provider.noRecord, jobs: 1, delivered: 1, medianMillis: 900 }
  ])
)

/** Discovery with the database of a home. */
const market = (url: string, filename: string) =>
  Effect.map(
    Layer.build(
      Discovery.layer({ network: "regtest", capacity: count }).pipe(
        Layer.provide([Relay.layer({ urls: [url] }), Sqlite.layer({ filename })])
      )
    ),
    Context.get(Discovery.Discovery)
  )

export const discovery: Row = {
  name: "discovery",
  title: "discovery among 100,000",
  measure: Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const filename = join(
      yield* fs.makeTempDirectoryScoped({ prefix: "farthing-bench-" }),
      "home.db"
    )
    const url = yield* Processes.relay
    const wire = yield* Wire.connect(url)
    const now = yield* UnixTime.now
    const events = Events.announcements(count, now)
    yield* Effect.promise(() => wire.publish(events))
    const verifying = timedSync(() => {
      for (const event of events) NostrEvent.verify(event)
    })

    const choose = ({ discover }: Discovery.Shape, selection: Discovery.Wanted["selection"] = {}) =>
      Effect.gen(function* () {
        const { count, rank } = yield* discover("5 minutes")
        const wish = { budget: Msat.make(50_000), selection, now, limit: 3 }
        const ranked = yield* rank({ ...wish, settlement: ["upfront"] }, records)
        return { found: count, ranked: ranked.length }
      })

    const { cold, warm } = yield* Effect.gen(function* () {
      const first = yield* market(url, filename)
      const cold = yield* timed(choose(first))
      const warm: Array<number> = []
      for (let round = 0; round < 20; round++)
        for (const policy of ["cheapest", "fastest", "reliable", "balanced"] as const) {
          const { wall } = yield* timed(choose(first, { policy, model: `model ${round}` }))
          if (round > 0) warm.push(wall * 1_000)
        }
      return { cold, warm }
    }).pipe(Effect.scoped)
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
