/**
 * What those who watch get to see: traces, metrics and logs over OTLP, where `telemetry.otlp_url`
 * says that somebody collects them. Where nobody does, nothing is traced, so that spans cost
 * nothing.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Effect, Layer, Option, References, Tracer } from "effect"
import { Otlp } from "effect/observability"
import * as Config from "./Config.ts"

export interface Options {
  /** What the process is called where its telemetry is collected. */
  readonly serviceName: string
  readonly serviceVersion?: string
}

/** As configured. What was gathered is sent when the scope closes, for at most three seconds. */
export const layer = (options: Options): Layer.Layer<never, never, Config.Config> =>
  Layer.unwrap(
    Effect.map(Config.Config, ({ telemetry }) =>
      Option.match(telemetry.otlpUrl, {
        onNone: () => Layer.succeed(References.TracerEnabled)(false),
        onSome: (baseUrl) =>
          Otlp.layerJson({ baseUrl, resource: options }).pipe(
            Layer.provide(NodeHttpClient.layerNodeHttp)
          )
      })
    )
  )

/** The same, unless whoever is around has decided already what becomes of spans. */
export const layerUnlessDecided = (options: Options): Layer.Layer<never, never, Config.Config> =>
  Layer.unwrap(
    Effect.map(Effect.context(), ({ mapUnsafe }) =>
      [Tracer.Tracer, References.TracerEnabled].some(({ key }) => mapUnsafe.has(key))
        ? Layer.empty
        : layer(options)
    )
  )
