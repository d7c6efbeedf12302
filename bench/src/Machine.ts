/** What the numbers were measured on, and of what. */
import { DateTime, Effect } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { availableParallelism, cpus, totalmem } from "node:os"

export const describe = (): string => {
  const gibibytes = Math.round(totalmem() / 2 ** 30)
  const model = cpus()[0]?.model ?? process.arch
  return `${availableParallelism()} cores, ${model}, ${gibibytes} GiB, ${process.platform}, Node ${process.version}`
}

/** The day in UTC. */
export const today = Effect.map(DateTime.now, DateTime.formatIsoDateUtc)

/** The commit that is checked out, `-dirty` where more than that was measured. */
export const commit = Effect.gen(function* () {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const arguments_ = ["describe", "--always", "--dirty", "--exclude", "*"]
  const described = yield* spawner.string(ChildProcess.make("git", arguments_))
  return described.trim() || "unknown"
}).pipe(Effect.orElseSucceed(() => "unknown"))
