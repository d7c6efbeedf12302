import { assert, describe, it } from "@effect/vitest"
import * as LockLife from "../src/LockLife.ts"

describe("LockLife.endOf", () => {
  it("is no earlier than the invoice's expiry and its blocks at ten minutes each", () => {
    for (const minFinalCltvDelta of [1, 18, 144]) {
      const end = LockLife.endOf({ expiresAt: 1000, minFinalCltvDelta })
      assert.isAtLeast(end, 1000 + minFinalCltvDelta * 600)
    }
  })

  it("bears blocks that are slower by four standard deviations", () => {
    assert.strictEqual(LockLife.endOf({ expiresAt: 0, minFinalCltvDelta: 144 }), 192 * 600)
  })

  it("is that of an HTLC, and what operators need to return it", () => {
    assert.strictEqual(LockLife.endOf({ expiresAt: 1000, lockSeconds: 1020 }), 2620)
    assert.strictEqual(LockLife.leastOf({ expiresAt: 1000, lockSeconds: 1020 }), 1020)
  })

  it("is the expiry where nothing is waited for", () => {
    assert.strictEqual(LockLife.endOf({ expiresAt: 1000, minFinalCltvDelta: 0 }), 1000)
  })
})
