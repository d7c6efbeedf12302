import { assert, describe, it } from "@effect/vitest"
import * as Results from "../src/Results.ts"
import { atLeast, atMost, holds, type Measurement, ratioOf } from "../src/Row.ts"
import { mean, median, quantile } from "../src/Statistics.ts"

const measurement = (value: number, baseline?: number): Measurement => ({
  what: "apples",
  unit: "apples/s",
  value,
  ...(baseline === undefined ? {} : { baseline: { name: "pears", value: baseline } })
})

const run = (...measurements: ReadonlyArray<Measurement>): Results.Results => ({
  date: "2026-11-22",
  commit: "abc",
  machine: "a machine",
  rows: [{ name: "fruit", seconds: 1, found: { measurements } }]
})

describe("Series", () => {
  it("have a median that no outlier moves", () => {
    assert.strictEqual(median([3, 1, 1_000, 2, 1]), 2)
    assert.strictEqual(quantile([5, 4, 3, 2, 1], 0.99), 5)
    assert.strictEqual(mean([1, 2, 6]), 3)
  })
})

describe("A bar", () => {
  it("judges the ratio, or the value", () => {
    assert.strictEqual(ratioOf(measurement(3, 2)), 1.5)
    assert.isTrue(holds({ ...measurement(3, 2), bar: atMost("ratio", 1.5) }))
    assert.isFalse(holds({ ...measurement(3, 2), bar: atMost("ratio", 1.4) }))
    assert.isTrue(holds({ ...measurement(3, 2), bar: atLeast("value", 3) }))
    assert.isFalse(holds({ ...measurement(3, 2), bar: { of: "value", atLeast: 4, atMost: 4 } }))
  })

  it("is missed by what has no ratio, or is no number", () => {
    assert.isFalse(holds({ ...measurement(3), bar: atMost("ratio", 5) }))
    assert.isFalse(holds({ ...measurement(Number.NaN), bar: atMost("value", 5) }))
    assert.isFalse(holds({ ...measurement(3, 0), bar: atMost("ratio", 5) }))
  })

  it("is not everywhere", () => assert.isUndefined(holds(measurement(3))))
})

describe("Two runs", () => {
  it("are compared in what both have measured", () => {
    const other = { ...measurement(1), what: "plums" }
    assert.deepStrictEqual(Results.changes(run(measurement(4, 2)), run(other, measurement(9, 3))), [
      {
        what: "apples",
        unit: "apples/s",
        before: 4,
        after: 9,
        ratios: { before: 2, after: 3 }
      }
    ])
  })

  it("have no ratios to compare where one has none", () => {
    const [change] = Results.changes(run(measurement(4)), run(measurement(9, 3)))
    assert.isUndefined(change?.ratios)
  })
})
