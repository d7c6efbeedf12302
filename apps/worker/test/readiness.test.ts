import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "../../cli/test/support/Cli.ts"
import * as Backend from "./support/Backend.ts"
import * as Workers from "./support/Workers.ts"

/** Why something is not ready, apart from what is told. */
const told = /"message":"relay is not ready","about":\{"reason":"[^"]+"\}/

describe("readiness", () => {
  it.live("tells which part is away, from before the market opens to after it closes", () =>
    Effect.gen(function* () {
      const first = yield* Cli.market(["--no-provider"])
      const backend = yield* Backend.make()
      yield* backend.finish
      const env = yield* first.account(1, { FARTHING_PROVIDER_BACKEND_URL: backend.url })
      yield* first.dev.kill("SIGTERM")

      const worker = yield* Workers.start(env)
      // What is away from the beginning is told as well as what goes away.
      assert.match(yield* worker.until("relay is not ready"), told)
      const early = yield* worker.untilReadiness(({ parts }) => parts["backend"]?.ready === true)
      assert.deepStrictEqual(
        [early.ready, early.parts["relay"]?.ready, early.parts["wallet"]?.ready],
        [false, false, false]
      )
      assert.strictEqual(early.parts["announced"]?.reason, "nothing is sold yet")
      assert.strictEqual((yield* worker.get("/healthz")).status, 200)

      const port = new URL(first.relay).port
      const again = yield* Cli.start(["dev", "--json", "--port", port, "--no-provider"], {
        FARTHING_HOME: first.home
      })
      yield* worker.untilReadiness(({ ready }) => ready)
      assert.strictEqual(yield* worker.metric("farthing_worker_ready"), 1)

      yield* backend.close
      const without = yield* worker.untilReadiness(({ ready }) => !ready)
      assert.isFalse(without.parts["backend"]?.ready)
      assert.strictEqual(yield* worker.metric('farthing_worker_part_ready{part="backend"}'), 0)
      const back = yield* Backend.make({ port: Number(new URL(backend.url).port) })
      yield* back.finish
      yield* worker.untilReadiness(({ ready }) => ready)

      yield* again.kill("SIGKILL")
      const alone = yield* worker.untilReadiness(
        ({ parts }) => !parts["relay"]?.ready && !parts["announced"]?.ready
      )
      assert.isFalse(alone.ready)
      assert.isTrue(alone.parts["backend"]?.ready)
      assert.strictEqual(yield* worker.metric("farthing_worker_ready"), 0)
      assert.match(yield* worker.until("relay is not ready"), told)
    }).pipe(Effect.provide(Cli.layer))
  )
})
