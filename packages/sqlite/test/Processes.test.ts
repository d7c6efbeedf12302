import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ChildProcess } from "node:child_process"
import { spawn } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { file, open } from "./TestFile.ts"

const program = new URL("program.ts", import.meta.url).pathname

/** Fifty processes would spend their time compiling the same files. */
const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "farthing-compile-cache") }

const start = (filename: string, task: "count" | "hang") =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [program, filename, task], { env })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

const exited = (child: ChildProcess) =>
  Effect.callback<string>((resume) => {
    let said = ""
    child.stderr?.on("data", (text) => (said += String(text)))
    child.once("close", (code, signal) => resume(Effect.succeed(`${signal ?? code}${said}`)))
  })

const printed = (child: ChildProcess) =>
  Effect.callback<string>((resume) => {
    child.stdout?.once("data", (text) => resume(Effect.succeed(String(text))))
  })

describe("processes that share a file", () => {
  it.live(
    "50 at once create it, migrate it once and lose no increment",
    () =>
      Effect.gen(function* () {
        const filename = yield* file
        // The first one compiles what the fifty then share.
        yield* Effect.flatMap(start(":memory:", "count"), exited)
        const ends = yield* Effect.forEach(
          Array.from({ length: 50 }),
          () => Effect.flatMap(start(filename, "count"), exited),
          { concurrency: "unbounded" }
        )
        assert.deepEqual([...new Set(ends)], ["0"])
        const sql = yield* open(filename)
        assert.deepEqual(yield* sql`SELECT n FROM counter`.values, [[500]])
        assert.deepEqual(yield* sql`SELECT migration_id FROM counter_migrations`.values, [[1], [2]])
      }),
    180_000
  )

  it.live("kill -9 inside a transaction loses that transaction and nothing else", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const child = yield* start(filename, "hang")
      assert.strictEqual(yield* printed(child), "inside\n")
      child.kill("SIGKILL")
      assert.strictEqual(yield* exited(child), "SIGKILL")
      const sql = yield* open(filename)
      assert.deepEqual(yield* sql`SELECT n FROM counter`.values, [[1]])
      assert.deepEqual(yield* sql`PRAGMA integrity_check`.values, [["ok"]])
    })
  )
})
