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
  ),
  once: Flag.Boolean("once").pipe(
    Flag.withDescription("Let every agent tick once, sell nothing, and end"),
    Flag.withDefault(false)
  )
}

const worker = Command.make(
  "farthing-worker",
  flags,
  Effect.fnUntraced(function* ({ config, once }) {
    const options = Option.match(config, { onNone: () => ({}), onSome: (config) => ({ config }) })
    yield* once ? Worker.once(options) : Worker.run(options)
  })
).pipe(
  Command.withDescription(
    "Let agents live and sell inference until stopped; SIGTERM finishes what is begun, SIGHUP reads the agents' configuration again"
  )
)

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
