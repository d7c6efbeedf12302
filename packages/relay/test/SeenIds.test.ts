import { assert, describe, it } from "@effect/vitest"
import * as Recent from "../src/Recent.ts"
import * as SeenIds from "../src/SeenIds.ts"

describe("SeenIds", () => {
  it("remembers at least the last 16,384, and everything since its horizon", () => {
    let now = 0
    const seen = SeenIds.make(() => now)
    for (now = 0; now < 100_000; now++) {
      seen.add(String(now), false)
      const horizon = seen.horizon() ?? 0
      if (horizon > Math.max(0, now - 16_383)) assert.fail(`horizon ${horizon} at ${now}`)
      if (now % 5_000 === 0)
        for (let second = horizon; second <= now; second += 500) assert(seen.has(String(second)))
    }
    assert.isDefined(seen.horizon())
    assert.isFalse(seen.has("0"))
  })

  it("forgets nothing while relays send what they stored", () => {
    const seen = SeenIds.make(() => 0)
    for (let id = 0; id < 200_000; id++) seen.add(String(id), true)
    assert.isTrue(seen.has("0"))
    assert.isUndefined(seen.horizon())
  })
})

describe("Recent", () => {
  it("keeps what is used and forgets what is not", () => {
    const recent = Recent.make<number, string>(100)
    for (let key = 0; key < 1_000; key++) {
      recent.set(key, `value ${key}`)
      assert.strictEqual(recent.get(0), "value 0")
    }
    assert.strictEqual(recent.get(999), "value 999")
    assert.isUndefined(recent.get(500))
  })
})
