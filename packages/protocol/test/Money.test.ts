import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Msat, Sat } from "../src/index.ts"

const sumOf = (...amounts: ReadonlyArray<number>): bigint =>
  amounts.reduce((sum, amount) => sum + BigInt(amount), 0n)

const largest = BigInt(Number.MAX_SAFE_INTEGER)

const rounded = (msat: number) => [
  Sat.fromMsatCeil(Msat.make(msat)),
  Sat.fromMsatFloor(Msat.make(msat))
]

describe("Msat", () => {
  it.prop("adds exactly, or throws", [Msat.Msat, Msat.Msat], ([a, b]) => {
    const exact = sumOf(a, b)
    if (exact <= largest) assert.strictEqual(BigInt(Msat.add(a, b)), exact)
    else assert.throws(() => Msat.add(a, b), RangeError)
  })

  it.prop("subtracts exactly, or throws", [Msat.Msat, Msat.Msat], ([a, b]) => {
    if (a >= b) {
      assert.strictEqual(BigInt(Msat.subtract(a, b)), sumOf(a, -b))
      assert.strictEqual(Msat.add(Msat.subtract(a, b), b), a)
    } else assert.throws(() => Msat.subtract(a, b), RangeError)
    assert.strictEqual(Msat.left(a, b), Math.max(0, a - b))
  })

  it.prop("sums exactly, or throws", [Schema.Array(Msat.Msat)], ([amounts]) => {
    const exact = sumOf(...amounts)
    if (exact <= largest) assert.strictEqual(BigInt(Msat.sum(amounts)), exact)
    else assert.throws(() => Msat.sum(amounts), RangeError)
  })

  it.prop("orders", [Msat.Msat, Msat.Msat], ([a, b]) => {
    assert.strictEqual(Msat.min(a, b), Math.min(a, b))
    assert.strictEqual(Msat.max(a, b), Math.max(a, b))
  })

  it("does not overflow at its largest amount", () => {
    assert.strictEqual(Msat.add(Msat.most, Msat.zero), Msat.most)
    assert.throws(() => Msat.add(Msat.most, Msat.make(1)), RangeError)
    assert.throws(() => Msat.sum([Msat.most, Msat.most]), RangeError)
    assert.throws(() => Msat.subtract(Msat.zero, Msat.make(1)), RangeError)
    assert.strictEqual(Msat.left(Msat.zero, Msat.most), Msat.zero)
    assert.strictEqual(Msat.sum([]), Msat.zero)
  })

  it("is a whole number that is never negative", () => {
    for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1", 1n, null]) {
      assert.isFalse(Msat.is(wrong))
      assert.throws(() => Msat.make(wrong as number), RangeError)
    }
  })
})

describe("Sat", () => {
  const most = Math.floor(Number.MAX_SAFE_INTEGER / 1000)

  it.prop("is a thousand msat, and back", [Sat.Sat], ([sat]) => {
    const msat = Sat.toMsat(sat)
    assert.strictEqual(BigInt(msat), BigInt(sat) * 1000n)
    assert.strictEqual(Sat.fromMsatCeil(msat), sat)
    assert.strictEqual(Sat.fromMsatFloor(msat), sat)
  })

  it.prop("costs are rounded up, balances down", [Msat.Msat], ([msat]) => {
    const down = BigInt(msat) / 1000n
    const up = (BigInt(msat) + 999n) / 1000n
    assert.strictEqual(BigInt(Sat.fromMsatFloor(msat)), down)
    if (up > BigInt(most)) assert.throws(() => Sat.fromMsatCeil(msat), RangeError)
    else assert.strictEqual(BigInt(Sat.fromMsatCeil(msat)), up)
  })

  it("rounds at the edges of one satoshi", () => {
    assert.deepStrictEqual([0, 1, 999, 1000, 1001].map(rounded), [
      [0, 0],
      [1, 0],
      [1, 0],
      [1, 1],
      [2, 1]
    ])
  })

  it("rounds right where numbers are largest", () => {
    const sat = most - 3
    for (let rest = 1; rest < 1000; rest++)
      assert.deepStrictEqual(rounded(sat * 1000 + rest), [sat + 1, sat])
  })

  it("is no more than the msat that there are", () => {
    assert.strictEqual(Sat.toMsat(Sat.make(most)), most * 1000)
    assert.throws(() => Sat.make(most + 1), RangeError)
    assert.strictEqual(Sat.fromMsatFloor(Msat.most), most)
    assert.throws(() => Sat.fromMsatCeil(Msat.most), RangeError)
  })
})
