/** The real worker in real processes, and what it says of itself over HTTP. */
import { assert } from "@effect/vitest"
import { Effect, Schedule, Schema } from "effect"
import { inject } from "vitest"
import * as Cli from "../../../cli/test/support/Cli.ts"
import * as Exposition from "./Exposition.ts"

const Part = Schema.Struct({
  ready: Schema.Boolean,
  since: Schema.String,
  reason: Schema.optionalKey(Schema.String)
})

const Readiness = Schema.Struct({
  ready: Schema.Boolean,
  stopping: Schema.optionalKey(Schema.Boolean),
  parts: Schema.Record(Schema.String, Part)
})
type Readiness = typeof Readiness.Type

export interface Worker extends Cli.Running {
  readonly get: (path: string) => Effect.Effect<{ readonly status: number; readonly text: string }>
  readonly readiness: Effect.Effect<Readiness>
  /** Waits for what readiness is to say. */
  readonly untilReadiness: (holds: (readiness: Readiness) => boolean) => Effect.Effect<Readiness>
  /** The value of a metric, as it is written: `name{label="value"}`. */
  readonly metric: (name: string) => Effect.Effect<number>
}

const Serving = Schema.fromJsonString(
  Schema.Struct({ about: Schema.Struct({ url: Schema.String }) })
)

/** Starts a worker that may not be able to begin. */
export const launch = (env: Cli.Env, args: ReadonlyArray<string> = []) =>
  Cli.start(args, { FARTHING_WORKER_PORT: "0", ...env }, inject("workerBundle"))

/** Starts a worker; it can be asked, and need not be ready. Its log is JSON. */
export const start = Effect.fnUntraced(function* (env: Cli.Env, args?: ReadonlyArray<string>) {
  const running = yield* launch(env, args)
  const line = yield* running.until("health and metrics are served")
  const { url } = (yield* Schema.decodeEffect(Serving)(line)).about
  const get = (path: string) =>
    Effect.promise(async () => {
      const response = await fetch(`${url}${path}`)
      return { status: response.status, text: await response.text() }
    })
  const readiness = Effect.gen(function* () {
    const { status, text } = yield* get("/readyz")
    const said = yield* Schema.decodeEffect(Schema.fromJsonString(Readiness))(text)
    assert.strictEqual(status, said.ready ? 200 : 503)
    return said
  }).pipe(Effect.orDie)
  return {
    ...running,
    get,
    readiness,
    untilReadiness: (holds) =>
      Effect.repeat(readiness, { until: holds, schedule: Schedule.spaced("50 millis") }),
    metric: Effect.fnUntraced(function* (name) {
      const { text } = yield* get("/metrics")
      const sample = Exposition.parse(text).find(({ series }) => series === name)
      return sample?.value ?? assert.fail(`${name} is not told:\n${text}`)
    })
  } satisfies Worker
})

/** A worker that sells in a market, and is ready. */
export const selling = Effect.fnUntraced(function* (env: Cli.Env, args?: ReadonlyArray<string>) {
  const worker = yield* start(env, args)
  yield* worker.untilReadiness(({ ready }) => ready)
  return worker
})
