import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import { Option } from "effect"
import * as Outcome from "../src/Outcome.ts"
import { sats } from "./Fixture.ts"
import { preimageOf } from "./Orders.ts"

const preimage = preimageOf("spend")
const paymentHash = Bolt11.hashOf(preimage)

const answer = (rest: Partial<Wallet.Outgoing>): Option.Option<Wallet.Outgoing> =>
  Option.some({
    paymentHash,
    bolt11: "",
    amount: sats(1),
    state: "settled",
    fee: Option.some(Msat.make(5)),
    preimage: Option.some(preimage),
    createdAt: 0,
    settledAt: Option.none(),
    ...rest
  })

const of = (
  found: Option.Option<Wallet.Outgoing>,
  now = 0,
  spend: Partial<Parameters<typeof Outcome.of>[0]> = {}
) =>
  Outcome.of(
    {
      paymentHash,
      state: "unknown",
      preimage: undefined,
      invoiceExpiresAt: 1000,
      payExpiresAt: 60,
      irreplaceable: false,
      lockEndsAt: undefined,
      ...spend
    },
    found,
    { now, margin: 120 }
  )

describe("Outcome.of", () => {
  it("is settled with the proof of this payment", () => {
    assert.deepStrictEqual(of(answer({})), {
      _tag: "Settled",
      preimage,
      fee: Msat.make(5),
      late: false
    })
    assert.deepStrictEqual(of(answer({ fee: Option.none() })), {
      _tag: "Settled",
      preimage,
      fee: undefined,
      late: false
    })
  })

  it("stays open without a proof, or with that of another payment", () => {
    assert.strictEqual(of(answer({ preimage: Option.none() }))._tag, "Begun")
    const other = preimageOf("other")
    assert.strictEqual(of(answer({ preimage: Option.some(other) }))._tag, "Begun")
    assert.strictEqual(of(answer({ paymentHash: Bolt11.hashOf(other) }))._tag, "Open")
  })

  it("is what the wallet says of a payment that is pending or has failed, however late", () => {
    assert.strictEqual(of(answer({ state: "pending" }), 1_000_000)._tag, "Begun")
    assert.strictEqual(of(answer({ state: "failed" }))._tag, "Failed")
  })

  it("says when the wallet began it after its time, by more than clocks may differ", () => {
    const late = (createdAt: number) => {
      const outcome = of(answer({ createdAt }))
      return outcome._tag === "Settled" && outcome.late
    }
    assert.isFalse(late(180))
    assert.isTrue(late(181))
  })

  it("a payment the wallet does not know fails only after both expiries and the margin", () => {
    assert.strictEqual(of(Option.none(), 1120)._tag, "Open")
    assert.strictEqual(of(Option.none(), 1121)._tag, "Failed")
    const late = { payExpiresAt: 2000 }
    assert.strictEqual(of(Option.none(), 2120, late)._tag, "Open")
    assert.strictEqual(of(Option.none(), 2121, late)._tag, "Failed")
  })

  it("one whose invoice is the only one there will be fails with its request: the same may be tried again", () => {
    const only = { irreplaceable: true }
    assert.strictEqual(of(Option.none(), 180, only)._tag, "Open")
    assert.strictEqual(of(Option.none(), 181, only)._tag, "Failed")
  })

  describe("of a lock", () => {
    const lock = { state: "held", lockEndsAt: 9000 } as const
    const released = { ...lock, preimage }

    it("that the wallet does not know fails only when nobody could take its money", () => {
      assert.strictEqual(of(Option.none(), 9120, lock)._tag, "Open")
      assert.strictEqual(of(Option.none(), 9121, lock)._tag, "Failed")
      assert.strictEqual(of(Option.none(), 9121, { ...lock, state: "unknown" })._tag, "Failed")
    })

    it("that was released fails only if the wallet says so", () => {
      assert.strictEqual(of(Option.none(), 1_000_000, released)._tag, "Open")
      assert.strictEqual(of(answer({ state: "pending" }), 1_000_000, released)._tag, "Begun")
      assert.strictEqual(of(answer({ state: "failed" }), 0, released)._tag, "Failed")
    })

    it("that was released is proven by what was released, where the wallet proves nothing", () => {
      const unproven = answer({ preimage: Option.none() })
      assert.strictEqual(of(unproven, 0, lock)._tag, "Begun")
      const outcome = of(unproven, 0, released)
      assert.strictEqual(outcome._tag === "Settled" && outcome.preimage, preimage)
    })
  })
})
