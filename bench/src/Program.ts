/** A program of the bench: what it prints are its findings, and nothing else. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, Logger, Schema } from "effect"
import type { Scope } from "effect"

const surroundings = Layer.merge(NodeServices.layer, Layer.succeed(Logger.LogToStderr)(true))

/** What it was given: wallets are among it, and everybody can read the arguments of a process. */
export const given = Effect.suspend(() =>
  Schema.decodeUnknownEffect(Given)(process.env["BENCH_GIVEN"])
)

const Given = Schema.fromJsonString(Schema.Array(Schema.String))

export const run = <A, E>(
  program: Effect.Effect<A, E, Scope.Scope | NodeServices.NodeServices>
): void => NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(surroundings)))
