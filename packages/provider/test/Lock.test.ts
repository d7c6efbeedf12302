import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { Option, Redacted } from "effect"
import { randomBytes } from "node:crypto"
import * as Lock from "../src/Lock.ts"
import * as Settling from "./support/Settling.ts"

const amount = Msat.make(10_000)
const now = 1_000_000

const held = (heldUntil: number | undefined, locked = amount, blocks = 144) => ({
  amount: locked,
  createdAt: now,
  heldUntil: Option.fromUndefinedOr(heldUntil),
  bolt11: Bolt11.encode(
    {
      network: "regtest",
      amount: Option.some(amount),
      createdAt: now,
      expirySeconds: 600,
      paymentHash: Bolt11.hashOf(Settling.newPreimage()),
      paymentSecret: randomBytes(32).toString("hex"),
      description: "",
      minFinalCltvDelta: blocks
    },
    randomBytes(32)
  )
})

const objection = (lock: ReturnType<typeof held>) =>
  Lock.objectionTo(lock, { amount, now, jobTimeout: 120 })

describe("a lock", () => {
  it("is enough with the amount, and ten minutes besides the time that a job may take", () => {
    assert.isUndefined(objection(held(now + 720)))
    assert.isUndefined(objection(held(now + 720, Msat.make(10_001))))
    assert.include(objection(held(now + 719)), "719 seconds")
    assert.include(objection(held(now - 1)), "0 seconds")
    assert.include(objection(held(now + 90_000, Msat.make(9_999))), "9999 msats")
  })

  it("lasts for as long as its invoice asks, where the wallet does not say", () => {
    assert.strictEqual(Lock.endOf(held(undefined)), now + 144 * 600)
    assert.isUndefined(objection(held(undefined, amount, 2)))
    assert.isString(objection(held(undefined, amount, 1)))
    assert.strictEqual(Lock.endOf({ ...held(undefined), bolt11: "lnbcrt1" }), now)
  })

  it("is of use to its customer until five minutes before its end", () => {
    const job = { invoiceExpiresAt: now + 600, heldUntil: now + 900 }
    assert.strictEqual(Lock.mustBeSaidBy({ ...job, settlement: "escrow" }), now + 600)
    const preimage = Redacted.make(Settling.newPreimage())
    const released = { ...job, settlement: "escrow", preimage } as const
    assert.strictEqual(Lock.mustBeSaidBy(released), now + 900)
    assert.strictEqual(Lock.mustBeSaidBy({ ...job, settlement: "sealed" }), now + 600)
    assert.isUndefined(Lock.mustBeSaidBy({ ...job, settlement: "upfront" }))
  })
})
