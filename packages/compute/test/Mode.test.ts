import { assert, describe, it } from "@effect/vitest"
import { Settlement } from "@farthing/protocol"
import { Arbitrary, Option, Schema } from "effect"
import * as Mode from "../src/Mode.ts"

const modes = Arbitrary.schema(Schema.Array(Settlement.Settlement))
const all = ["escrow", "sealed", "upfront"] as const

const usable = (means: Partial<Mode.Means> = {}) =>
  Mode.usable(all, { rails: ["lightning"], quotes: 1, ...means })

describe("What is left of the customer's preferences", () => {
  it("is everything for a wallet that can lock money", () => {
    assert.deepStrictEqual(usable(), { ways: all, skipped: [] })
  })

  it("is paying first for one that cannot, and it says why", () => {
    const { skipped, ways } = usable({ rails: [] })
    assert.deepStrictEqual(ways, ["upfront"])
    assert.strictEqual(
      Mode.inWords(skipped),
      "escrow: the wallet cannot lock money; sealed: the wallet cannot lock money"
    )
  })

  it("is an escrow on every rail of the wallet, in its order, and what is sealed over Lightning", () => {
    assert.deepStrictEqual(usable({ rails: ["spark", "lightning"] }).ways, [
      "escrow:spark",
      "escrow",
      "sealed",
      "upfront"
    ])
    const { skipped, ways } = usable({ rails: ["spark"] })
    assert.deepStrictEqual(ways, ["escrow:spark", "upfront"])
    assert.deepStrictEqual(
      skipped.map(({ mode }) => mode),
      ["sealed"]
    )
  })

  it("is paying first where several are asked at once", () => {
    const { skipped, ways } = usable({ quotes: 2 })
    assert.deepStrictEqual(ways, ["upfront"])
    assert.deepStrictEqual(
      skipped.map(({ mode }) => mode),
      ["escrow", "sealed"]
    )
  })

  it("asks the wallet only where that matters", () => {
    assert.isFalse(Mode.needsLock(["upfront"]))
    assert.isTrue(Mode.needsLock(["upfront", "sealed"]))
  })
})

describe("What a provider is asked for", () => {
  it.prop("is the first preference that it offers", [modes, modes], ([wanted, offered]) => {
    const chosen = Mode.choose(wanted, offered)
    const first = wanted.findIndex((mode) => offered.includes(mode))
    assert.deepStrictEqual(
      chosen,
      first < 0 ? Option.none() : Option.fromUndefinedOr(wanted[first])
    )
  })

  it("is told with what was preferred to it", () => {
    const passed = Mode.passedOver(usable(), "upfront")
    assert.deepStrictEqual(
      passed.map(({ mode }) => mode),
      ["escrow", "sealed"]
    )
    assert.deepStrictEqual(Mode.passedOver(usable(), "escrow"), [])
    const both = usable({ rails: ["spark", "lightning"] })
    assert.deepStrictEqual(Mode.passedOver(both, "escrow"), [])
  })
})
