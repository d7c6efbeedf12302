import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { Hex, TraceContext } from "../src/index.ts"

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
const spanId = "00f067aa0ba902b7"

const read = (...tags: ReadonlyArray<ReadonlyArray<string>>) => TraceContext.fromEvent({ tags })

describe("The trace of a request", () => {
  it("is a tag as W3C Trace Context writes it", () => {
    const context = { traceId, spanId, sampled: true }
    const tag = ["traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]
    assert.deepStrictEqual(TraceContext.toTag(context), tag)
    assert.deepStrictEqual(read(["salt", "x"], tag), Option.some(context))
  })

  it.prop(
    "is read back as it was",
    { traceId: Hex.ofBytes(16), spanId: Hex.ofBytes(8), sampled: Schema.Boolean },
    (context) => {
      const isNone = /^0+$/.test(context.traceId) || /^0+$/.test(context.spanId)
      assert.deepStrictEqual(
        read(TraceContext.toTag(context)),
        isNone ? Option.none() : Option.some(context)
      )
    }
  )

  it("may carry flags that nobody knows", () => {
    const sampled = (flags: string) =>
      Option.map(read(["traceparent", `00-${traceId}-${spanId}-${flags}`]), (it) => it.sampled)
    assert.deepStrictEqual(sampled("03"), Option.some(true))
    assert.deepStrictEqual(sampled("ff"), Option.some(true))
    assert.deepStrictEqual(sampled("fe"), Option.some(false))
  })

  it.each([
    ["no tag", []],
    ["no value", [["traceparent"]]],
    ["another version", [["traceparent", `01-${traceId}-${spanId}-01`]]],
    ["capitals", [["traceparent", `00-${traceId.toUpperCase()}-${spanId}-01`]]],
    ["too short", [["traceparent", `00-${traceId.slice(1)}-${spanId}-01`]]],
    ["something behind it", [["traceparent", `00-${traceId}-${spanId}-01-x`]]],
    ["a line behind it", [["traceparent", `00-${traceId}-${spanId}-01\n`]]],
    ["a trace of zeros", [["traceparent", `00-${"0".repeat(32)}-${spanId}-01`]]],
    ["a span of zeros", [["traceparent", `00-${traceId}-${"0".repeat(16)}-01`]]],
    [
      "two that differ",
      [
        ["traceparent", `00-${traceId}-${spanId}-01`],
        ["traceparent", `00-${"1".repeat(32)}-${spanId}-01`]
      ]
    ]
  ])("is none with %s", (_, tags) => {
    assert.deepStrictEqual(read(...tags), Option.none())
  })
})
