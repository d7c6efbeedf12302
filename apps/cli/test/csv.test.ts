import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Csv from "../src/Csv.ts"

/** A reader of RFC 4180 in its own right: records of fields. */
const read = (text: string): ReadonlyArray<ReadonlyArray<string>> => {
  const fields = text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy)
  const records: Array<Array<string>> = [[]]
  for (const [, quoted, plain = "", end] of fields) {
    records.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === "\r\n") records.push([])
  }
  return records.slice(0, -1)
}

const unmarked = (field: string): string => (field.startsWith("'") ? field.slice(1) : field)

/** Strings rich in what is special to CSV and to spreadsheets. */
const Field = Schema.Array(
  Schema.Union([
    Schema.Literals([
      '"',
      ",",
      "\r",
      "\n",
      "\r\n",
      "\t",
      ";",
      "=",
      "+",
      "-",
      "@",
      "'",
      " ",
      "＝",
      ""
    ]),
    Schema.String
  ])
)

const formula = /^\s*[=+\-@＝＋－＠]/

describe("CSV", () => {
  it.prop(
    "reads back as it was, whatever stands in it",
    [Schema.NonEmptyArray(Schema.NonEmptyArray(Field))],
    ([records]) => {
      const texts = records.map((fields) => fields.map((parts) => parts.join("")))
      const back = read(texts.map(Csv.record).join(""))
      assert.deepStrictEqual(
        back.map((fields) => fields.map(unmarked)),
        texts
      )
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop("has no field that a spreadsheet would run", [Field], ([parts]) => {
    const [[field = ""] = []] = read(Csv.record([parts.join("")]))
    assert.notMatch(field, formula)
  })

  it("marks a formula and leaves the rest alone", () => {
    assert.strictEqual(
      Csv.record(["=HYPERLINK(1)", "a@b", '5" disk', "10000", ""]),
      `"'=HYPERLINK(1)",a@b,"5"" disk",10000,\r\n`
    )
  })
})
