import { assert, layer } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer, Path } from "effect"
import { inject } from "vitest"
import * as Cli from "./support/Cli.ts"

const mnemonic = "leader monkey parrot ring guide accident before fence cannon height naive bean"

/** What is published, in a folder above which nothing is installed. */
class Alone extends Context.Service<Alone, string>()("@farthing/cli/test/Alone") {}

const alone = Layer.effect(
  Alone,
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const folder = yield* Cli.tempHome
    yield* fs.copy(path.dirname(inject("bundle")), folder)
    return path.join(folder, "main.mjs")
  })
).pipe(Layer.provideMerge(Cli.layer))

const run = Effect.fnUntraced(function* (args: ReadonlyArray<string>, env: Cli.Env = {}) {
  return yield* Cli.run(args, { FARTHING_HOME: yield* Cli.tempHome, ...env }, "", yield* Alone)
})

const spark = { FARTHING_WALLET_KIND: "spark", FARTHING_WALLET_MNEMONIC: mnemonic }

layer(alone, { excludeTestServices: true })("where the Spark SDK is not installed", (it) => {
  it.effect("everything else works", () =>
    Effect.gen(function* () {
      const demo = yield* run(["demo"])
      assert.strictEqual(demo.code, 0, demo.stderr)
      assert.include(demo.stdout, "preimage")
    })
  )

  it.effect("choosing Spark says what to install", () =>
    Effect.gen(function* () {
      for (const args of [["wallet"], ["wallet", "invoice", "5"], ["ask", "hello"]]) {
        const refused = yield* run(args, spark)
        assert.strictEqual(refused.code, 2, refused.stderr)
        assert.include(refused.stderr, "npm install @buildonspark/spark-sdk")
        assert.strictEqual(refused.stdout, "")
      }
      const market = yield* run(["demo", "--wallet", "spark"])
      assert.strictEqual(market.code, 2, market.stderr)
      assert.include(market.stderr, "npm install @buildonspark/spark-sdk")
    })
  )

  it.effect("books can be looked into, words made, and the doctor says what is missing", () =>
    Effect.gen(function* () {
      for (const args of [["budget"], ["receipts"]]) {
        const finished = yield* run(args, spark)
        assert.strictEqual(finished.code, 0, finished.stderr)
      }
      const made = yield* run(["init", "--wallet", "spark"])
      assert.strictEqual(made.code, 0, made.stderr)
      assert.include(made.stderr, "npm install @buildonspark/spark-sdk")
      const doctor = yield* run(["doctor"], spark)
      assert.strictEqual(doctor.code, 1)
      assert.match(doctor.stdout, /✗ wallet: .*npm install @buildonspark\/spark-sdk/)
    })
  )
})
