/** One row in a process of its own: given its name, it prints what it found. */
import { Console, Effect, Schema } from "effect"
import { rows } from "./rows.ts"
import * as Program from "./src/Program.ts"
import { Findings } from "./src/Row.ts"

const main = Effect.gen(function* () {
  const [wanted] = yield* Program.given
  const row = rows.find(({ name }) => name === wanted)
  if (row === undefined) return yield* Effect.die(new Error(`there is no row ${wanted}`))
  const encode = Schema.encodeEffect(Schema.fromJsonString(Findings))
  yield* Console.log(yield* encode(yield* row.measure))
})

Program.run(main)
