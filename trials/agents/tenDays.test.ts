import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import * as TenDays from "./TenDays.ts"

describe("ten agents and a provider by a clock that hurries", () => {
  it.live("live as their money allows, keep to their limits, and their books agree", () =>
    Effect.gen(function* () {
      const fileSystem = yield* FileSystem.FileSystem
      const { findings, lives } = yield* TenDays.play({
        folder: yield* fileSystem.makeTempDirectoryScoped({ prefix: "farthing-agents-" }),
        hours: 4,
        poor: { wren: 85, stork: 20, swift: 150 }
      })
      assert.deepStrictEqual(findings, [])
      assert.strictEqual(lives.size, 10)
      // The lark keeps to its hours, whatever time it is now.
      const { lark: _, ...others } = Object.fromEntries(lives)
      for (const [name, { failures, thoughts }] of Object.entries(others)) {
        assert.deepStrictEqual(failures, [], name)
        assert.isAtLeast(thoughts, 2, name)
      }
      const statesOf = (name: string) => lives.get(name)?.states
      assert.deepStrictEqual(statesOf("heron"), ["active"])
      assert.deepStrictEqual(statesOf("wren"), ["active", "hibernating", "active"])
      assert.deepStrictEqual(statesOf("stork"), ["active", "dormant", "active"])
      assert.deepStrictEqual(statesOf("swift")?.slice(0, 2), ["active", "low_balance"])
      assert.isAtLeast(lives.get("swift")?.limited ?? 0, 1)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
