/** Runs the command that was typed, in the surroundings of a process. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, Logger } from "effect"
import { Command } from "effect/cli"
import * as ExitCode from "./ExitCode.ts"
import * as Failure from "./Failure.ts"
import { farthing, version } from "./Farthing.ts"
import * as Output from "./Output.ts"

const surroundings = Failure.layerPresenter.pipe(
  Layer.provideMerge(Output.layer),
  Layer.provideMerge(NodeServices.layer),
  Layer.merge(Layer.succeed(Logger.LogToStderr)(true))
)

Command.run(farthing, { version }).pipe(
  Effect.tapCause(Failure.report),
  Effect.provide(surroundings),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(ExitCode.ofExit(exit))
  })
)
