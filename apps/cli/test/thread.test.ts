/** The thread that checks signatures is part of what is published. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { once } from "node:events"
import { dirname, join } from "node:path"
import { Worker } from "node:worker_threads"
import { inject } from "vitest"

const claimBytes = 128

describe("the bundle", () => {
  it.live("holds the thread that checks signatures", () =>
    Effect.gen(function* () {
      const file = join(dirname(inject("bundle")), "SignatureWorker.mjs")
      const worker = yield* Effect.acquireRelease(
        Effect.sync(() => new Worker(file)),
        (worker) => Effect.promise(() => worker.terminate())
      )
      const claims = new Uint8Array(2 * claimBytes)
      worker.postMessage(claims, [claims.buffer])
      const [answer] = yield* Effect.promise(() => once(worker, "message"))
      assert.deepStrictEqual(answer, Uint8Array.of(0, 0))
    })
  )
})
