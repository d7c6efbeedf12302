/** What a program that embeds the library may log, trace or print holds no secret. */
import { assert, layer } from "@effect/vitest"
import { ComputeClient } from "@farthing/compute"
import { Key, Msat, NwcUri } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Cause, Context, Effect, Layer, Redacted, References, Result } from "effect"
import { FetchHttpClient } from "effect/http"
import { Otlp, OtlpSerialization } from "effect/observability"
import { createComputeClient, Market } from "farthing"
import { DatabaseSync } from "node:sqlite"
import { inspect } from "node:util"
import * as Collector from "./secrets/Collector.ts"
import * as Leaks from "./secrets/Leaks.ts"
import * as Secret from "./secrets/Secret.ts"
import * as Deal from "./src/Deal.ts"
import * as People from "./src/People.ts"
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

/** An agent that does not wait long for its database. */
const customer = (filename: string) =>
  Market.computeClient.pipe(
    Layer.provideMerge(Market.treasury),
    Layer.provideMerge(Market.wallet),
    Layer.provideMerge(Market.relay),
    Layer.provideMerge(Market.signer),
    Layer.provideMerge(Sqlite.layer({ filename, busyTimeout: 50 }))
  )

/** Everything that a program may make of an error. */
const printed = (error: unknown): ReadonlyArray<Leaks.Trace> =>
  [
    String(error),
    error instanceof Error ? (error.stack ?? "") : "",
    inspect(error, { depth: 20, showHidden: true }),
    JSON.stringify(error),
    Cause.pretty(Cause.fail(error))
  ].map((text) => ({ where: text.slice(0, 60), bytes: Buffer.from(text) }))

/** Why a promise is not kept; nothing, if it is. */
const rejection = (promise: () => Promise<unknown>) =>
  Effect.promise(() =>
    promise().then(
      () => undefined,
      (error: unknown) => error
    )
  )

const nobody = "ws://127.0.0.1:9"

layer(Stage.layer, { excludeTestServices: true })("a program that embeds the library", (it) => {
  it.effect("spans, logs, metrics and errors hold no secret, whatever goes wrong", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make
      const place = yield* Stage.place()
      const key = Key.generate()
      const nsec = Redacted.value(Key.formatSecret(key))
      const { account, environment } = yield* People.person(place, {
        name: "customer",
        balance: Msat.make(12_000),
        environment: { FARTHING_IDENTITY_NSEC: nsec }
      })
      const uri = Redacted.value(account.nwc)
      const { secret } = Result.getOrThrow(NwcUri.parse(account.nwc))
      const secrets = [
        Secret.ofKey("customer's key", key),
        Secret.ofHex("customer's wallet", Redacted.value(secret))
      ]

      const errors = yield* Effect.gen(function* () {
        yield* People.seller(place, { offer: { priceMsats: Deal.price } })
        const filename = `${environment.FARTHING_HOME}.db`
        const context = yield* People.live({ account, environment }, customer(filename))
        const client = Context.get(context, ComputeClient.ComputeClient)
        yield* Deal.buy({ client })
        const locked = yield* Effect.acquireUseRelease(
          Effect.sync(() => lock(filename)),
          () => Effect.flip(Deal.buy({ client })),
          (database) => Effect.sync(() => database.close())
        )
        yield* Deal.buy({ client })
        const poor = yield* Effect.flip(Deal.buy({ client }))
        return [locked, poor]
      }).pipe(Effect.scoped, Effect.provide(telemetry(collector.url)))
      assert.deepEqual(
        errors.map(({ _tag }) => _tag),
        ["LedgerUnavailable", "PaymentFailed"]
      )

      const options = {
        home: environment.FARTHING_HOME,
        relays: place.urls,
        wallet: uri,
        identity: nsec
      }
      const refused = yield* Effect.forEach(
        [
          { ...options, wallet: `${uri.slice(0, -1)}!` },
          { ...options, wallet: uri.replace("secret=", "secrets=") },
          { ...options, identity: `${nsec.slice(0, -1)}!` },
          { ...options, relays: [uri] }
        ],
        (wrong) => rejection(() => createComputeClient(wrong))
      )
      const unheard = yield* Effect.promise(() =>
        createComputeClient({ ...options, relays: [nobody] })
      )
      const lonely = yield* rejection(() => unheard.discoverProviders(1))
      yield* Effect.promise(() => unheard.close())

      const received = yield* collector.received
      for (const [path, word] of [
        ["/v1/traces", "Treasury.pay"],
        ["/v1/logs", "Running migration"]
      ] as const)
        assert.isTrue(
          received.some(({ bytes, where }) => where === path && bytes.includes(word)),
          path
        )
      assert.notInclude([...refused, lonely], undefined)
      const shown = [...errors, ...refused, lonely].flatMap(printed)
      assert.deepEqual(Leaks.find(secrets, [...received, ...shown]), [])
    })
  )
})

/** Nobody else reads or writes it. */
const lock = (filename: string): DatabaseSync => {
  const database = new DatabaseSync(filename)
  database.exec("BEGIN EXCLUSIVE")
  return database
}
