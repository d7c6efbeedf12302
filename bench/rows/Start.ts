/** The command as it is published: how fast it is there, and how much room it takes. */
import { Effect, FileSystem } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "tsdown"
import * as Alternate from "../src/Alternate.ts"
import { atMost, type Row } from "../src/Row.ts"
import { timed } from "../src/Stopwatch.ts"

const command = fileURLToPath(new URL("../../apps/cli/", import.meta.url))

const bundle = (outDir: string) =>
  Effect.promise(() =>
    build({ cwd: command, config: join(command, "tsdown.config.ts"), outDir, logLevel: "error" })
  )

const millisOf = (home: string, ...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    const { wall } = yield* timed(
      spawner.exitCode(
        ChildProcess.make(process.execPath, args, {
          env: { FARTHING_HOME: home },
          extendEnv: true,
          stdin: "ignore",
          stdout: "ignore"
        })
      )
    )
    return wall * 1_000
  })

export const start: Row = {
  name: "start",
  title: "the published command",
  measure: Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped({ prefix: "farthing-bench-" })
    // Beside the sources, where the optional native addon is found as it is in an installation.
    const outDir = join(command, "node_modules", `.bench-${process.pid}`)
    yield* Effect.acquireRelease(bundle(outDir), () =>
      Effect.ignore(fs.remove(outDir, { recursive: true }))
    )
    const main = join(outDir, "main.mjs")
    yield* millisOf(folder, main, "--version")
    const medians = yield* Alternate.medians({
      rounds: 9,
      ours: millisOf(folder, main, "--version"),
      baseline: millisOf(folder, "-e", "0")
    })
    return [
      {
        what: "farthing --version, from the published bundle",
        unit: "ms",
        value: medians.ours,
        baseline: { name: "node -e 0", value: medians.baseline },
        bar: atMost("ratio", 5)
      }
    ]
  })
}
