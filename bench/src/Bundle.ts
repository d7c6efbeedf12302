/** The command as it is published, and what a process of it costs. */
import { Effect, FileSystem, Stream } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "tsdown"

const command = fileURLToPath(new URL("../../apps/cli/", import.meta.url))

/** Builds the bundle of `farthing`, until the scope closes; answers with its entry file. */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  // Beside the sources, where the optional native addon is found as it is in an installation.
  const outDir = join(command, "node_modules", `.bench-${process.pid}`)
  yield* Effect.acquireRelease(
    Effect.promise(() =>
      build({ cwd: command, config: join(command, "tsdown.config.ts"), outDir, logLevel: "error" })
    ),
    () => Effect.ignore(fs.remove(outDir, { recursive: true }))
  )
  return join(outDir, "main.mjs")
})

/** A folder of one's own, with the environment of somebody who lives there and has no other. */
export const home = Effect.map(
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    fs.makeTempDirectoryScoped({ prefix: "farthing-bench-" })
  ),
  (folder) => ({
    PATH: process.env["PATH"],
    HOME: folder,
    FARTHING_HOME: folder,
    XDG_CACHE_HOME: join(folder, "cache")
  })
)

/** Says on stderr, when the process ends, how much memory it had at most. */
const confession = `data:text/javascript,${encodeURIComponent(
  `process.on("exit", () => process.stderr.write("\\nmaxrss " + process.resourceUsage().maxRSS + "\\n"))`
)}`

export interface Running {
  /** What it prints. */
  readonly lines: Stream.Stream<string>
  /** The most memory it had, in MB (10^6 bytes), once it has ended. */
  readonly peak: Effect.Effect<number>
  /** Asks it to end. */
  readonly stop: Effect.Effect<void>
}

const linesOf = (output: ChildProcessSpawner.ChildProcessHandle["stdout"]) =>
  output.pipe(Stream.decodeText(), Stream.splitLines, Stream.orDie)

/** Runs an entry file until it ends, or the scope closes. */
export const run = Effect.fnUntraced(function* (
  environment: Readonly<Record<string, string | undefined>>,
  ...args: ReadonlyArray<string>
) {
  const child = yield* ChildProcess.make(process.execPath, ["--import", confession, ...args], {
    env: environment,
    stdin: "ignore"
  })
  return {
    lines: linesOf(child.stdout),
    peak: linesOf(child.stderr).pipe(
      Stream.runFold(
        () => Number.NaN,
        (before, line) => (line.startsWith("maxrss ") ? Number(line.slice(7)) * 1_024 : before)
      ),
      Effect.map((bytes) => bytes / 1e6)
    ),
    stop: Effect.ignore(child.kill({ killSignal: "SIGTERM" }))
  } satisfies Running
})

export type Environment = Effect.Success<typeof home>
