/** A program of the bench: what it prints are its findings, and nothing else. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, Logger } from "effect"
import type { Scope } from "effect"

const surroundings = Layer.merge(NodeServices.layer, Layer.succeed(Logger.LogToStderr)(true))

export const run = <A, E>(
  program: Effect.Effect<A, E, Scope.Scope | NodeServices.NodeServices>
): void => NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(surroundings)))
