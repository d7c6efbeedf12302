import { assert, describe, it } from "@effect/vitest"
import * as Exposition from "./support/Exposition.ts"

const family = (type: string, ...lines: ReadonlyArray<string>) =>
  ["# HELP jobs_total what it is", `# TYPE jobs_total ${type}`, ...lines, ""].join("\n")

const buckets = (...values: ReadonlyArray<number>) =>
  family(
    "histogram",
    ...values.map((value, at) => `jobs_total_bucket{le="${at < 2 ? at : "+Inf"}"} ${value}`),
    "jobs_total_sum 3",
    "jobs_total_count 2"
  )

describe("the strict reader of metrics", () => {
  it("reads names, labels as they were before they were written, and values", () => {
    const [one, two] = Exposition.parse(
      family("counter", 'jobs_total{a="\\"}\\\\\\n",b="x"} 1.5e3', "jobs_total +Inf")
    )
    assert.deepStrictEqual(
      [...(one?.labels ?? [])],
      [
        ["a", '"}\\\n'],
        ["b", "x"]
      ]
    )
    assert.deepStrictEqual([one?.value, two?.value], [1_500, Infinity])
    assert.lengthOf(Exposition.parse(buckets(0, 1, 2)), 5)
  })

  it.each([
    ["a line without its end", family("gauge", "jobs_total 1").trimEnd()],
    ["a sample without its family", "jobs_total 1\n"],
    ["a sample of another family", family("gauge", "others 1")],
    ["a sample twice", family("gauge", 'jobs_total{a="1"} 1', 'jobs_total{a="1"} 2')],
    ["a family in two places", family("gauge", "jobs_total 1").repeat(2)],
    ["a label that is not escaped", family("gauge", 'jobs_total{a="x"y"} 1')],
    ["a backslash that is not escaped", family("gauge", 'jobs_total{a="\\x"} 1')],
    ["a value that is no number", family("gauge", "jobs_total one")],
    ["a counter that went back", family("counter", "jobs_total -1")],
    ["a type that there is not", family("frequency", "jobs_total 1")],
    ["buckets that hold less than those before", buckets(2, 1, 2)],
    ["a last bucket that does not hold all", buckets(0, 1, 1)]
  ])("refuses %s", (_, text) => {
    assert.throws(() => Exposition.parse(text))
  })
})
