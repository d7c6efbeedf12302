/** What anybody on the machine may see of the processes of everybody. */
import { Effect, FileSystem } from "effect"
import type { Trace } from "./Leaks.ts"

/** Command line and title of a process and of those that it started; nothing once it is gone. */
export const publicTraces: (
  pid: number
) => Effect.Effect<ReadonlyArray<Trace>, never, FileSystem.FileSystem> = Effect.fnUntraced(
  function* (pid) {
    const fs = yield* FileSystem.FileSystem
    const own = yield* Effect.forEach(["cmdline", "comm"], (name) => {
      const where = `/proc/${pid}/${name}`
      return Effect.map(fs.readFile(where), (bytes) => ({ where, bytes: Buffer.from(bytes) }))
    })
    const children = yield* fs.readFileString(`/proc/${pid}/task/${pid}/children`)
    const theirs = yield* Effect.forEach(
      children.split(" ").filter(Boolean).map(Number),
      publicTraces
    )
    return [...own, ...theirs.flat()]
  },
  Effect.orElseSucceed(() => [])
)
