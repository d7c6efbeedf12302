import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Option, References, Tracer } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Config from "../src/Config.ts"
import * as Telemetry from "../src/Telemetry.ts"
import { load } from "./TestConfig.ts"

interface Collected {
  readonly path: string
  readonly body: string
}

/** Where telemetry goes, until the scope closes. */
const collector = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; collected: Array<Collected>; close: () => void }>(
    (resume) => {
      const collected: Array<Collected> = []
      const server = createServer(async (request, response) => {
        const parts: Array<Buffer> = []
        for await (const part of request) parts.push(Buffer.from(part))
        collected.push({ path: request.url ?? "", body: Buffer.concat(parts).toString() })
        response.end("{}")
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const close = () => {
          server.close()
          server.closeAllConnections()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, collected, close }))
      })
    }
  ),
  ({ close }) => Effect.sync(close)
)

/** Runs a program that is watched as configured. */
const watched = Effect.fnUntraced(function* <A>(
  program: Effect.Effect<A>,
  environment: Readonly<Record<string, string>> = {}
) {
  const config = yield* load(undefined, environment)
  const telemetry = Telemetry.layer({ serviceName: "farthing-test" }).pipe(
    Layer.provide(Layer.succeed(Config.Config, config))
  )
  return yield* program.pipe(Effect.provide(telemetry))
})

describe("Telemetry", () => {
  it.live("where nobody collects it, nothing is traced", () =>
    Effect.gen(function* () {
      const span = yield* watched(
        References.TracerEnabled.pipe(
          Effect.flatMap((enabled) =>
            Effect.map(Effect.currentSpan, (span) => ({ enabled, span }))
          ),
          Effect.withSpan("work"),
          Effect.option
        )
      )
      const { enabled, span: work } = Option.getOrThrow(span)
      assert.isFalse(enabled)
      assert.isFalse(work.sampled)
    })
  )

  it.live("leaves alone what somebody around has decided", () =>
    Effect.gen(function* () {
      const config = yield* load(undefined)
      const undecided = Telemetry.layerUnlessDecided({ serviceName: "farthing-test" }).pipe(
        Layer.provide(Layer.succeed(Config.Config, config))
      )
      const isTraced = Effect.provide(References.TracerEnabled, undecided)
      assert.isFalse(yield* isTraced)
      assert.isTrue(yield* Effect.provideService(isTraced, References.TracerEnabled, true))
      const spans: Array<string> = []
      const tracer = Tracer.make({
        span: (options) => {
          spans.push(options.name)
          return new Tracer.NativeSpan(options)
        }
      })
      yield* Effect.void.pipe(
        Effect.withSpan("work"),
        Effect.provide(undecided),
        Effect.provideService(Tracer.Tracer, tracer)
      )
      assert.deepStrictEqual(spans, ["work"])
    })
  )

  it.live("where somebody does, spans, metrics and logs are sent before the end", () =>
    Effect.gen(function* () {
      const { collected, url } = yield* collector
      yield* watched(
        Effect.gen(function* () {
          yield* Metric.update(Metric.counter("farthing_test_total"), 3)
          yield* Effect.log("a line")
        }).pipe(Effect.withSpan("work")),
        { FARTHING_TELEMETRY_OTLP_URL: url }
      )
      const sent = (path: string) =>
        collected
          .filter((entry) => entry.path === path)
          .map(({ body }) => body)
          .join("")
      assert.include(sent("/v1/traces"), '"work"')
      assert.include(sent("/v1/traces"), "farthing-test")
      assert.include(sent("/v1/metrics"), "farthing_test_total")
      assert.include(sent("/v1/logs"), "a line")
    }).pipe(Effect.scoped)
  )
})
