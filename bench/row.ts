/** One row in a process of its own: `row.ts <name>` prints what it found. */
import { Console, Effect, Schema } from "effect"
import { rows } from "./rows.ts"
import * as Program from "./src/Program.ts"
import { Findings } from "./src/Row.ts"

const main = Effect.gen(function* () {
  const row = rows.find(({ name }) => name === process.argv[2])
  if (row === undefined) return yield* Effect.die(new Error(`there is no row ${process.argv[2]}`))
  const encode = Schema.encodeEffect(Schema.fromJsonString(Findings))
  yield* Console.log(yield* encode(yield* row.measure))
})

Program.run(main)
