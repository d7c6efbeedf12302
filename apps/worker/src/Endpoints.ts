/**
 * What those who run the worker ask it over HTTP: `/healthz` (it is alive), `/readyz` (it can do its
 * work, or which part keeps it from that) and `/metrics` (Prometheus' text format).
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { ProviderBook } from "@farthing/provider"
import { Signer } from "@farthing/relay"
import { DateTime, Effect, Layer, Option, Predicate, Record, Schema } from "effect"
import { HttpMiddleware, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { Config } from "farthing"
import { createServer } from "node:http"
import manifest from "../package.json" with { type: "json" }
import { Fleet } from "./Fleet.ts"
import * as Metrics from "./Metrics.ts"
import { Readiness, type Report } from "./Readiness.ts"

const health = HttpRouter.add(
  "GET",
  "/healthz",
  HttpServerResponse.jsonUnsafe({ alive: true, version: manifest.version })
)

const readiness = HttpRouter.add(
  "GET",
  "/readyz",
  Effect.gen(function* () {
    const report = yield* (yield* Readiness).report
    return HttpServerResponse.jsonUnsafe(toJson(report), { status: report.ready ? 200 : 503 })
  })
)

const toJson = ({ parts, ready, stopping }: Report) => ({
  ready,
  ...(stopping ? { stopping } : {}),
  parts: Record.map(parts, ({ reason, since }) => ({
    ready: Option.isNone(reason),
    since: DateTime.formatIso(DateTime.makeUnsafe(since)),
    ...Option.match(reason, { onNone: () => ({}), onSome: (reason) => ({ reason }) })
  }))
})

/** The book is read at each scrape: what is told of money is what is written. */
const metrics = HttpRouter.add(
  "GET",
  "/metrics",
  Effect.gen(function* () {
    const book = yield* ProviderBook.ProviderBook
    const { publicKey } = yield* Signer.Signer
    yield* Metrics.tellJobs(yield* book.counts(publicKey))
    yield* Metrics.tellAgents(yield* (yield* Fleet).counts)
    yield* Metrics.tellProcess
    return HttpServerResponse.text(yield* PrometheusMetrics.format(), {
      contentType: "text/plain; version=0.0.4; charset=utf-8"
    })
  }).pipe(
    Effect.catchTag("BookUnavailable", ({ message }) =>
      Effect.as(
        Effect.logError("the book cannot be read", message),
        HttpServerResponse.text("the book cannot be read\n", { status: 503 })
      )
    )
  )
)

/** Who is slower than this has gone away. */
const slowest = { requestTimeout: 5_000, headersTimeout: 5_000, connectionsCheckingInterval: 1_000 }

const server = Layer.effect(
  HttpServer.HttpServer,
  Effect.gen(function* () {
    const { host, port } = (yield* Config.Config).worker
    return yield* NodeHttpServer.make(() => createServer(slowest), {
      host,
      port,
      gracefulShutdownTimeout: "1 second"
    }).pipe(Effect.mapError(({ cause }) => new ListenError({ host, port, cause: why(cause) })))
  })
)

const why = (cause: unknown): string =>
  Predicate.hasProperty(cause, "code") && Predicate.isString(cause.code)
    ? cause.code
    : String(cause)

/** Says where it listens; asking is neither logged nor traced. */
const announce = Layer.effectDiscard(
  HttpServer.addressFormattedWith((url) =>
    Effect.annotateLogs(Effect.logInfo("health and metrics are served"), { url })
  )
)

export const layer = HttpRouter.serve(Layer.mergeAll(health, readiness, metrics), {
  disableLogger: true,
  disableListenLog: true
}).pipe(
  Layer.merge(announce),
  Layer.provide(server),
  Layer.provide(Layer.succeed(HttpMiddleware.TracerDisabledWhen)(() => true))
)

/** Nothing can be served at this address. */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", {
  host: Schema.String,
  port: Schema.Int,
  /** The operating system's word for it. */
  cause: Schema.String
}) {
  override get message(): string {
    return `Nothing can be served at ${this.host}, port ${this.port} (${this.cause}). Set worker.port, or 0 for any that is free.`
  }
}
