/** One row in a process of its own: `row.ts <name>` prints its measurements. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Schema } from "effect"
import { rows } from "./rows.ts"
import { Measurement } from "./src/Row.ts"

const main = Effect.gen(function* () {
  const row = rows.find(({ name }) => name === process.argv[2])
  if (row === undefined) return yield* Effect.die(new Error(`there is no row ${process.argv[2]}`))
  const measurements = yield* row.measure
  const encode = Schema.encodeEffect(Schema.fromJsonString(Schema.Array(Measurement)))
  yield* Console.log(yield* encode(measurements))
})

NodeRuntime.runMain(main.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
