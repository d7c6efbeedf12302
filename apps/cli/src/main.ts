#!/usr/bin/env node
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, Logger } from "effect"
import { CliOutput, Command } from "effect/cli"
import { farthing, version } from "./Farthing.ts"
import * as ExitCode from "./ExitCode.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"

const surroundings = Output.layer.pipe(
  Layer.provideMerge(NodeServices.layer),
  Layer.merge(CliOutput.layerPresenter(Failure.presenter)),
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
