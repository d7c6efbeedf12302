/** Preimages that take locked money, and secrets that open what is sealed, are nowhere to be seen. */
import { assert, layer } from "@effect/vitest"
import { Bolt11 } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Effect, Layer, References } from "effect"
import { FetchHttpClient } from "effect/http"
import { Otlp, OtlpSerialization } from "effect/observability"
import { SqlClient } from "effect/sql"
import { join } from "node:path"
import { inspect } from "node:util"
import * as Collector from "./secrets/Collector.ts"
import * as Leaks from "./secrets/Leaks.ts"
import * as Secret from "./secrets/Secret.ts"
import * as Books from "./src/Books.ts"
import * as Deal from "./src/Deal.ts"
import * as People from "./src/People.ts"
import * as Settling from "./src/Settling.ts"
import * as Shop from "./src/Shop.ts"
import * as Shopper from "./src/Shopper.ts"
import * as Stage from "./src/Stage.ts"

const telemetry = (url: string) =>
  Otlp.layer({
    baseUrl: url,
    resource: { serviceName: "trial" },
    loggerMergeWithExisting: false
  }).pipe(
    Layer.provide([FetchHttpClient.layer, OtlpSerialization.layerJson]),
    Layer.merge(Layer.succeed(References.MinimumLogLevel)("All"))
  )

/** The preimages that somebody keeps, whatever became of them. */
const keptBy = (home: string, query: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    sql.unsafe<{ readonly preimage: string }>(query)
  ).pipe(
    Effect.map((rows) => rows.map(({ preimage }) => Secret.ofHex("preimage", preimage))),
    Effect.provide(Sqlite.layer({ filename: join(home, "farthing.db") }))
  )

const homeOf = ({ environment }: People.Person): string => environment["FARTHING_HOME"] ?? ""

const offer = { priceMsats: Deal.price, settlement: ["upfront", "escrow", "sealed"] } as const

const impatient = { FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "500 millis" }

layer(Stage.layer, { excludeTestServices: true })("who settles by locks", (it) => {
  it.effect("tells no preimage to spans, logs, metrics or errors, whatever becomes of it", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make
      const scene = Effect.gen(function* () {
        const shop = yield* Shop.open({ offer })
        const { home } = shop

        // Delivered, in both ways.
        const customer = yield* People.customer(shop.place, Settling.by("escrow"))
        yield* Deal.buy(customer)
        yield* Deal.buy(customer, { settlement: ["sealed"] })
        yield* Books.closing(customer, Books.paid(Deal.price, Deal.price))

        // Sealed, and never paid for.
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        yield* shopper.ask({ settlement: ["sealed"] })
        yield* shopper.hear("SealedResult")

        // Locked, and never released; shown by somebody else, and to no avail.
        const { id } = yield* shopper.ask({
          settlement: ["escrow"],
          payment_hash: Bolt11.hashOf(Settling.newPreimage())
        })
        yield* shopper.lock((yield* shopper.hear("Invoice")).message.bolt11)
        yield* shopper.hear("JobResult")
        yield* shopper.release(id, Settling.newPreimage())
        const rogue = yield* Deal.meet(Settling.awaitEscrow, Settling.by("escrow", impatient))
        const error = yield* Effect.flip(Deal.buy(rogue.customer))
        assert.strictEqual(error._tag, "DeliveryTimeout")
        return {
          error,
          homes: [customer, rogue.customer].map(homeOf),
          shop: home
        }
      })
      const { error, homes, shop } = yield* scene.pipe(
        Effect.scoped,
        Effect.provide(telemetry(collector.url))
      )

      const own = yield* Effect.forEach(homes, (home) =>
        keptBy(home, `SELECT own_preimage AS preimage FROM compute_job WHERE own_preimage <> ''`)
      )
      const theirs = yield* keptBy(
        shop,
        `SELECT preimage FROM provider_job WHERE preimage IS NOT NULL`
      )
      assert.deepStrictEqual(
        [...own, theirs].map(({ length }) => length),
        [1, 1, 3]
      )
      const received = yield* collector.received
      assert.isTrue(received.some(({ bytes }) => bytes.includes("Treasury.lock")))
      const shown = [String(error), inspect(error, { depth: 20 }), JSON.stringify(error)].map(
        (text) => ({ where: "error", bytes: Buffer.from(text) })
      )
      assert.deepEqual(Leaks.find([...own.flat(), ...theirs], [...received, ...shown]), [])
    })
  )
})
