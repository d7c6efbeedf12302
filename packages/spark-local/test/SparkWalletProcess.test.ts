import { assert, describe, it } from "@effect/vitest"
import { Key } from "@farthing/protocol"
import type { Faults, SparkLocal } from "@farthing/spark-local"
import { Effect, Redacted } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { within } from "./SparkWorld.ts"

const program = fileURLToPath(new URL("./spark-process.ts", import.meta.url))

/** Runs the program to its own end, and answers with what it printed. */
const run = Effect.fnUntraced(function* (spark: SparkLocal.Shape, silence: "" | Faults.Part) {
  const runNow = Effect.runSyncWith(yield* Effect.context())
  const mnemonic = yield* Key.generateMnemonic
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [program, JSON.stringify(spark.connection), silence], {
        env: { ...process.env, WALLET_MNEMONIC: Redacted.value(mnemonic), NODE_ENV: "production" },
        stdio: ["ignore", "pipe", "inherit"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  let output = ""
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString()
    if (silence !== "" && output === "opened\n") {
      runNow(spark.faults.set(silence, { _tag: "Silent" }))
    }
  })
  const code = yield* Effect.callback<number | null>((resume) => {
    child.once("close", (code) => resume(Effect.succeed(code)))
  })
  return { code, output }
})

describe("A process with a Spark wallet", () => {
  for (const silence of ["", "serviceProvider", "operators"] as const) {
    it.live(
      `ends by itself when it has closed the wallet${silence === "" ? "" : `, though ${silence} never answered`}`,
      () =>
        within(({ spark }) =>
          Effect.gen(function* () {
            const { code, output } = yield* Effect.timeout(run(spark, silence), "20 seconds")
            assert.strictEqual(code, 0)
            assert.strictEqual(output, "opened\nasked\nclosed\n")
          })
        )
    )
  }
})
