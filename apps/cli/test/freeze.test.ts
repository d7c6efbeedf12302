import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import * as Cli from "./support/Cli.ts"
import * as SharedMarket from "./support/SharedMarket.ts"

/** Nothing here can be reached, and there is no wallet. */
const alone = Effect.map(Cli.tempHome, (home) => ({
  FARTHING_HOME: home,
  FARTHING_RELAYS_URLS: "ws://127.0.0.1:9"
}))

layer(SharedMarket.layer, { excludeTestServices: true })("a budget that is frozen", (it) => {
  it.effect("freezing needs neither wallet nor network nor key, and leaves none behind", () =>
    Effect.gen(function* () {
      const env = yield* alone
      const frozen = yield* Cli.run(["budget", "freeze", "the", "key", "leaked"], env)
      assert.strictEqual(frozen.code, 0, frozen.stderr)
      assert.match(frozen.stdout, /the key leaked/)
      assert.match(frozen.stdout, /farthing budget unfreeze/)
      const fs = yield* FileSystem.FileSystem
      assert.isFalse(yield* fs.exists(`${env.FARTHING_HOME}/identity.nsec`))
      const budget = yield* Cli.run(["budget"], env)
      assert.match(budget.stdout, /^frozen +the key leaked$/m)
      assert.match(budget.stdout, /^refunds +frozen: the key leaked$/m)
      const fields = yield* Cli.run(["budget", "--json"], env)
      assert.include(fields.stdout, '"frozen":"the key leaked"')
    })
  )

  it.effect("the reason may be left out, and is shown without what a terminal would obey", () =>
    Effect.gen(function* () {
      const env = yield* alone
      const silent = yield* Cli.run(["budget", "freeze", "--json"], env)
      assert.strictEqual(silent.stdout, '{"frozen":"by hand"}\n')
      yield* Cli.run(["budget", "freeze", "red \u001b[31malert"], env)
      const budget = yield* Cli.run(["budget"], env)
      assert.match(budget.stdout, /^frozen +red alert$/m)
    })
  )

  it.effect("unfreezing says what it was frozen for, or that it was not frozen", () =>
    Effect.gen(function* () {
      const env = yield* alone
      const idle = yield* Cli.run(["budget", "unfreeze"], env)
      assert.strictEqual(idle.code, 0, idle.stderr)
      assert.match(idle.stdout, /was not frozen/)
      yield* Cli.run(["budget", "freeze", "a test"], env)
      const unfrozen = yield* Cli.run(["budget", "unfreeze"], env)
      assert.match(unfrozen.stdout, /a test/)
      const again = yield* Cli.run(["budget", "unfreeze", "--json"], env)
      assert.strictEqual(again.stdout, '{"frozen":null}\n')
    })
  )

  it.effect("while frozen `ask` asks nobody, exits 3 and tells how to unfreeze", () =>
    Effect.gen(function* () {
      const { customer } = yield* SharedMarket.SharedMarket
      const env = yield* customer()
      yield* Cli.run(["budget", "freeze", "the key leaked"], env)
      const asked = yield* Cli.run(["ask", "hello"], env)
      assert.strictEqual(asked.code, 3, asked.stderr)
      assert.strictEqual(asked.stdout, "")
      assert.match(asked.stderr, /the key leaked/)
      assert.match(asked.stderr, /farthing budget unfreeze/)
      const jobs = yield* Cli.run(["jobs", "--json"], env)
      assert.strictEqual(jobs.stdout.trim(), "[]")
      yield* Cli.run(["budget", "unfreeze"], env)
      const again = yield* Cli.run(["ask", "hello"], env)
      assert.strictEqual(again.code, 0, again.stderr)
    })
  )
})
