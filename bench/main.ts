/**
 * `pnpm bench [row …] [--json file]`: every row in a process of its own, ours and the baseline in
 * turn; prints the table, and exits with 1 where a bar is missed.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { rows } from "./rows.ts"
import * as Machine from "./src/Machine.ts"
import * as Processes from "./src/Processes.ts"
import * as Report from "./src/Report.ts"
import { holds, Measurement } from "./src/Row.ts"

const Results = Schema.Struct({ machine: Schema.String, rows: Schema.Array(Measurement) })

const names = Argument.Literals(
  "row",
  rows.map(({ name }) => name)
).pipe(Argument.variadic(), Argument.withDescription("Only these rows"))

const json = Flag.String("json").pipe(
  Flag.withDescription("Write the numbers into this file"),
  Flag.optional
)

const bench = Command.make("bench", { names, json }, ({ json, names }) =>
  Effect.gen(function* () {
    const chosen = rows.filter(({ name }) => names.length === 0 || names.includes(name))
    const machine = Machine.describe()
    yield* Console.log(machine)
    const measured = yield* Effect.forEach(chosen, ({ name, title }, index) =>
      Effect.gen(function* () {
        yield* Console.error(`${index + 1}/${chosen.length}  ${title} …`)
        const line = yield* Processes.row(name)
        return yield* Schema.decodeEffect(Schema.fromJsonString(Schema.Array(Measurement)))(line)
      })
    )
    const results = { machine, rows: measured.flat() }
    yield* Console.log(`\n${Report.table(results.rows)}`)
    if (Option.isSome(json)) {
      const fs = yield* FileSystem.FileSystem
      const text = yield* Schema.encodeEffect(Schema.fromJsonString(Results))(results)
      yield* fs.writeFileString(json.value, `${text}\n`)
    }
    const missed = results.rows.filter((measurement) => holds(measurement) === false)
    if (missed.length > 0) return yield* new Missed({ count: missed.length })
    return undefined
  })
)

class Missed extends Schema.TaggedError<Missed>()("Missed", { count: Schema.Int }) {
  override get message(): string {
    return `${this.count} of the bars are missed`
  }
}

NodeRuntime.runMain(
  Command.run(bench, { version: "0.0.0" }).pipe(Effect.provide(NodeServices.layer))
)
