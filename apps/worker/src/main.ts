#!/usr/bin/env node
/** `farthing-worker`: what was typed, in the surroundings of a process. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, Option, Runtime } from "effect"
import { Command, Flag } from "effect/cli"
import manifest from "../package.json" with { type: "json" }
import * as ExitCode from "./ExitCode.ts"
import * as Failure from "./Failure.ts"
import * as Signals from "./Signals.ts"
import * as Worker from "./Worker.ts"

const flags = {
  config: Flag.String("config").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("The configuration to use instead of the one in FARTHING_HOME"),
    Flag.optional
  )
}

const worker = Command.make("farthing-worker", flags, ({ config }) =>
  Worker.run(Option.match(config, { onNone: () => ({}), onSome: (config) => ({ config }) }))
).pipe(Command.withDescription("Sell inference until stopped; SIGTERM finishes what is paid"))

const surroundings = Failure.layerPresenter.pipe(
  Layer.provideMerge(Signals.layer),
  Layer.provideMerge(NodeServices.layer)
)

/** Signals are the worker's to understand; the process ends when it does, whatever is open. */
const runMain = Runtime.makeRunMain(({ fiber, teardown }) => {
  fiber.addObserver((exit) => teardown(exit, (code) => process.exit(code)))
})

Command.run(worker, { version: manifest.version }).pipe(
  Effect.tapCause(Failure.report),
  Effect.provide(surroundings),
  runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(ExitCode.ofExit(exit))
  })
)
