/** One side of an end-to-end comparison in a process of its own: `main.ts <side> <workload>`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Schema } from "effect"
import { Performance, Workload } from "../src/Workload.ts"
import * as ByHand from "./ByHand.ts"
import * as Farthing from "./Farthing.ts"

const sides = { farthing: Farthing.run, "by hand": ByHand.run }

const main = Effect.gen(function* () {
  const [, , side, given = ""] = process.argv
  const workload = yield* Schema.decodeEffect(Schema.fromJsonString(Workload))(given)
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "farthing-bench-" })
  const performance = yield* sides[side as keyof typeof sides](workload, folder)
  yield* Console.log(yield* Schema.encodeEffect(Schema.fromJsonString(Performance))(performance))
})

NodeRuntime.runMain(main.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
