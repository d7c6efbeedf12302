/** The commands as they are published, and what a process of them costs. */
import { Effect, Fiber, FileSystem, Option, Stream, SubscriptionRef } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "tsdown"

/** Builds the bundle of an app, until the scope closes; answers with its entry file. */
const bundled = Effect.fnUntraced(function* (app: "cli" | "worker") {
  const fs = yield* FileSystem.FileSystem
  const command = fileURLToPath(new URL(`../../apps/${app}/`, import.meta.url))
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

/** That of `farthing`. */
export const make = bundled("cli")

/** That of `farthing-worker`. */
export const worker = bundled("worker")

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

/**
 * Says on stderr, when the process ends, how many kilobytes of memory it had at most. On Linux
 * `maxRSS` would count what the process had that started it, too. When it is asked to, it says how
 * much of its heap is in use.
 */
const confess = () => {
  process.on("SIGUSR2", () => {
    globalThis.gc?.()
    process.stderr.write(`\nheap ${process.memoryUsage().heapUsed}\n`)
  })
  process.on("exit", () => {
    const { readFileSync } = process.getBuiltinModule("node:fs")
    const own =
      process.platform === "linux"
        ? /VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]
        : process.resourceUsage().maxRSS
    process.stderr.write(`\npeak ${own}\n`)
  })
}

const confession = `data:text/javascript,${encodeURIComponent(`(${confess})()`)}`

export interface Running {
  /** Waits until it has printed this. */
  readonly says: (part: string) => Effect.Effect<void>
  /** Waits until it has printed something of the kind; answers with what the group holds. */
  readonly finds: (pattern: RegExp) => Effect.Effect<string>
  /** All that it prints, once it has ended. */
  readonly printed: Effect.Effect<string>
  /** The same of what it has to say on stderr. */
  readonly told: Effect.Effect<string>
  /** The most memory it had, in MB (10^6 bytes), once it has ended. */
  readonly peak: Effect.Effect<number>
  /** The bytes of its heap that are in use now, after a collection. */
  readonly heap: Effect.Effect<number>
  /** Asks it to end. */
  readonly stop: Effect.Effect<void>
}

/** Runs an entry file until it ends, or the scope closes. */
export const run = Effect.fnUntraced(function* (
  environment: Environment,
  ...args: ReadonlyArray<string>
) {
  const child = yield* ChildProcess.make(
    process.execPath,
    ["--expose-gc", "--import", confession, ...args],
    {
      env: environment,
      stdin: "ignore"
    }
  )
  const stdout = yield* read(child.stdout)
  const stderr = yield* read(child.stderr)
  return {
    says: (part) =>
      SubscriptionRef.changes(stdout.text).pipe(
        Stream.takeUntil((text) => text.includes(part)),
        Stream.runDrain
      ),
    finds: (pattern) =>
      SubscriptionRef.changes(stdout.text).pipe(
        Stream.map((text) => pattern.exec(text)?.[1]),
        Stream.filter((found) => found !== undefined),
        Stream.runHead,
        Effect.map(Option.getOrElse(() => ""))
      ),
    printed: whole(stdout),
    told: whole(stderr),
    peak: whole(stderr).pipe(
      Effect.map((text) => (Number(/^peak (\d+)$/m.exec(text)?.[1]) * 1_024) / 1e6)
    ),
    heap: Effect.gen(function* () {
      const before = yield* SubscriptionRef.get(stderr.text)
      yield* Effect.sync(() => process.kill(child.pid, "SIGUSR2"))
      return yield* SubscriptionRef.changes(stderr.text).pipe(
        Stream.map((text) => Number(/^heap (\d+)$/m.exec(text.slice(before.length))?.[1])),
        Stream.filter(Number.isFinite),
        Stream.runHead,
        Effect.map(Option.getOrElse(() => Number.NaN))
      )
    }),
    stop: Effect.ignore(child.kill({ killSignal: "SIGTERM" }))
  } satisfies Running
})

type Reading = Effect.Success<ReturnType<typeof read>>

const whole = ({ reading, text }: Reading) =>
  Effect.andThen(Fiber.await(reading), SubscriptionRef.get(text))

/** Reads all there is, so that nobody who writes is ever stopped. */
const read = Effect.fnUntraced(function* (
  output: ChildProcessSpawner.ChildProcessHandle["stdout"]
) {
  const text = yield* SubscriptionRef.make("")
  const reading = yield* output.pipe(
    Stream.decodeText(),
    Stream.runForEach((part) => SubscriptionRef.update(text, (before) => before + part)),
    Effect.forkScoped
  )
  return { text, reading }
})

export type Environment = Effect.Success<typeof home>
