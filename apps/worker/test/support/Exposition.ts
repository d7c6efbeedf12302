/**
 * Prometheus' text format (version 0.0.4), read as strictly as it is written down: what is not
 * allowed there throws.
 */
import { assert } from "@effect/vitest"

export interface Sample {
  /** As it is written: `name{label="value"}`. */
  readonly series: string
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
}

interface Family {
  readonly name: string
  readonly type: string
  readonly samples: Array<Sample>
}

const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\]|\\\\|\\n)+)$/
const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary)$/
const sample =
  /^(([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([^}]*(?:"(?:[^"\\]|\\["\\n])*"[^}]*)*)\})?) (\S+)$/
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y
const number = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]Inf|NaN)$/i

const numberOf = (text: string): number => {
  assert.match(text, number)
  if (/inf$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity
  return Number(text)
}

const labelsOf = (text: string): ReadonlyMap<string, string> => {
  const labels = new Map<string, string>()
  let at = 0
  while (at < text.length) {
    label.lastIndex = at
    const [whole = "", name = "", value = ""] = label.exec(text) ?? []
    assert.notStrictEqual(whole, "", `no labels: ${text}`)
    assert.isFalse(name.startsWith("__") || labels.has(name), text)
    labels.set(
      name,
      value.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped))
    )
    at += whole.length
  }
  return labels
}

const sampleOf = (line: string): Sample => {
  const [, series = "", name = "", labels = "", value = ""] = sample.exec(line) ?? []
  assert.notStrictEqual(name, "", `no sample: ${line}`)
  return { series, name, labels: labelsOf(labels), value: numberOf(value) }
}

/** The samples; each family has its two comments first, once, and nothing in between. */
export const parse = (text: string): ReadonlyArray<Sample> => {
  assert.isTrue(text.endsWith("\n"), "the last line has no end")
  const families = new Map<string, Family>()
  let current: Family | undefined
  let helped: string | undefined
  for (const line of text.split("\n").slice(0, -1)) {
    if (line.startsWith("# HELP ")) {
      helped = help.exec(line)?.[1]
      assert.isDefined(helped, line)
    } else if (line.startsWith("# ")) {
      const [, name = "", kind = ""] = type.exec(line) ?? []
      assert.strictEqual(name, helped, line)
      assert.isFalse(families.has(name), `${name} stands in two places`)
      current = { name, type: kind, samples: [] }
      families.set(name, current)
    } else {
      const one = sampleOf(line)
      const family = current ?? assert.fail(`no family: ${line}`)
      const suffixes = family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""]
      assert.include(
        suffixes.map((suffix) => family.name + suffix),
        one.name,
        line
      )
      family.samples.push(one)
    }
  }
  for (const family of families.values()) check(family)
  return [...families.values()].flatMap(({ samples }) => samples)
}

const check = ({ name, samples, type }: Family): void => {
  assert.isNotEmpty(samples, `${name} is told of and not told`)
  const identities = samples.map(({ labels, name }) =>
    JSON.stringify([name, [...labels].toSorted()])
  )
  assert.strictEqual(new Set(identities).size, samples.length, `${name} is told twice`)
  if (type === "counter") {
    assert.match(name, /_total$/)
    for (const { series, value } of samples) assert.isAtLeast(value, 0, series)
  }
  if (type === "histogram") checkHistogram(name, samples)
}

/** Buckets hold those before them, and the last one holds all. */
const checkHistogram = (name: string, samples: ReadonlyArray<Sample>): void => {
  const others = ({ labels }: Sample) =>
    JSON.stringify([...labels].filter(([label]) => label !== "le").toSorted())
  for (const [key, its] of Map.groupBy(samples, others)) {
    const buckets = its.filter((one) => one.name === `${name}_bucket`)
    const bounds = buckets.map(({ labels }) => numberOf(labels.get("le") ?? ""))
    const values = buckets.map(({ value }) => value)
    const ascending = (numbers: ReadonlyArray<number>) => numbers.toSorted((a, b) => a - b)
    assert.deepStrictEqual(bounds, ascending(bounds), key)
    assert.deepStrictEqual(values, ascending(values), key)
    assert.strictEqual(bounds.at(-1), Infinity, key)
    const one = (suffix: string) => its.find((one) => one.name === name + suffix)
    assert.strictEqual(one("_count")?.value, values.at(-1), key)
    assert.isDefined(one("_sum"), key)
  }
}
