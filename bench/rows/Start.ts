/** The command as it is published: how fast it is there. */
import { Effect } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import * as Alternate from "../src/Alternate.ts"
import * as Bundle from "../src/Bundle.ts"
import { atMost, measured, type Row } from "../src/Row.ts"
import { timed } from "../src/Stopwatch.ts"

const millisOf = (env: Bundle.Environment, ...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    const command = ChildProcess.make(process.execPath, args, {
      env,
      stdin: "ignore",
      stdout: "ignore"
    })
    const { wall } = yield* timed(spawner.exitCode(command))
    return wall * 1_000
  })

export const start: Row = {
  name: "start",
  title: "the published command",
  measure: Effect.gen(function* () {
    const main = yield* Bundle.make
    const home = yield* Bundle.home
    yield* millisOf(home, main, "--version")
    const medians = yield* Alternate.medians({
      rounds: 11,
      ours: millisOf(home, main, "--version"),
      baseline: millisOf(home, "-e", "0")
    })
    return measured([
      {
        what: "farthing --version, from the published bundle",
        unit: "ms",
        value: medians.ours,
        baseline: { name: "node -e 0", value: medians.baseline },
        bar: atMost("ratio", 5)
      }
    ])
  })
}
