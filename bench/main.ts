/**
 * `pnpm bench [row …] [--json file] [--compare file] [--markdown]`: every row in a process of its
 * own, ours and the baseline in turn. Prints what each row found as soon as it is there, and the
 * table; exits with 1 where a bar is missed.
 */
import { Console, Duration, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { rows } from "./rows.ts"
import * as Machine from "./src/Machine.ts"
import * as Processes from "./src/Processes.ts"
import * as Program from "./src/Program.ts"
import * as Report from "./src/Report.ts"
import * as Results from "./src/Results.ts"
import { holds, type Row } from "./src/Row.ts"

const names = Argument.Literals(
  "row",
  rows.map(({ name }) => name)
).pipe(
  Argument.variadic(),
  Argument.withDescription(`Only these rows: ${rows.map(({ name }) => name).join(", ")}`)
)

const flags = {
  json: Flag.String("json").pipe(
    Flag.withDescription("Write the numbers into this file"),
    Flag.optional
  ),
  compare: Flag.String("compare").pipe(
    Flag.withDescription("Say what is different from the run in this file"),
    Flag.optional
  ),
  from: Flag.String("from").pipe(
    Flag.withDescription("Measure nothing, and take the run in this file"),
    Flag.optional
  ),
  markdown: Flag.Boolean("markdown").pipe(
    Flag.withDescription("Print the table as it stands in ARCHITECTURE, with when and where"),
    Flag.withDefault(false)
  )
}

const measure = Effect.fnUntraced(function* (chosen: ReadonlyArray<Row>) {
  const machine = Machine.describe()
  yield* Console.error(machine)
  const measured = yield* Effect.forEach(chosen, ({ name, title }, index) =>
    Effect.gen(function* () {
      yield* Console.error(`${index + 1}/${chosen.length}  ${name}: ${title} …`)
      const [time, found] = yield* Effect.timed(Processes.row(name))
      yield* Console.error(`${Report.found(found)}`)
      return { name, seconds: Duration.toSeconds(time), found }
    })
  )
  return {
    date: yield* Machine.today,
    commit: yield* Machine.commit,
    machine,
    rows: measured
  } satisfies Results.Results
})

const bench = Command.make(
  "bench",
  { names, ...flags },
  Effect.fnUntraced(function* ({ compare, from, json, markdown, names }) {
    const chosen = rows.filter(({ name }) => names.length === 0 || names.includes(name))
    const earlier = yield* Effect.forEach(Option.toArray(compare), Results.read)
    const results = yield* Option.match(from, {
      onNone: () => measure(chosen),
      onSome: Results.read
    })
    yield* Console.log(`\n${markdown ? Report.markdown(results) : Report.plain(results)}`)
    for (const before of earlier)
      yield* Console.log(`\n${Report.comparison(before, Results.changes(before, results))}`)
    if (Option.isSome(json)) yield* Results.write(json.value, results)
    const missed = Results.measurementsOf(results).filter((it) => holds(it) === false)
    if (missed.length === 0) return
    yield* Console.error(`\n${missed.length} of the bars are missed`)
    yield* Effect.sync(() => {
      process.exitCode = 1
    })
  })
)

Program.run(Command.run(bench, { version: "0.0.0" }))
