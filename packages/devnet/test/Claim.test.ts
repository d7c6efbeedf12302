import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Claim from "../src/Claim.ts"

const tempFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "farthing-claim-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

describe("a folder serves one market at a time", () => {
  it.live("and another one once the first has let go", () =>
    Effect.gen(function* () {
      const folder = yield* tempFolder
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Claim.make(folder)
          const error = yield* Effect.flip(Effect.scoped(Claim.make(folder)))
          assert.strictEqual(error._tag, "MarketRunning")
          assert.include(error.message, folder)
        })
      )
      yield* Effect.scoped(Claim.make(folder))
    })
  )
})
