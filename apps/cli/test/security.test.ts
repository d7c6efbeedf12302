import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../../", import.meta.url))

const read = (file: string): string => readFileSync(root + file, "utf8")

/** The cells of every table's body, row by row. */
const rows = read("SECURITY.md")
  .split("\n")
  .filter((line) => line.startsWith("|") && !/^\|[\s|:-]+\|$/.test(line))
  .map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim())
  )
  .filter(([threat]) => threat !== "threat")

/** The tests that a cell names: `file` › title, several apart by a line break. */
const testsIn = (cell: string) =>
  cell.split("<br>").map((test) => {
    const [, file = "", title = ""] = /^`([^`]+)` › (.+)$/.exec(test.trim()) ?? []
    return { test, file, title }
  })

/** Whether a string of the file's source holds the title. */
const isTitled = (file: string, title: string): boolean =>
  read(file)
    .split("\n")
    .some((line) => line.includes(title) && /["'`]/.test(line.slice(0, line.indexOf(title))))

describe("SECURITY.md", () => {
  it("tells of each threat what happens, and a test that shows it", () => {
    assert.isAbove(rows.length, 50)
    for (const row of rows) {
      assert.lengthOf(row, 3, row.join(" | "))
      for (const cell of row) assert.notStrictEqual(cell, "", row.join(" | "))
    }
  })

  it("names tests that exist", () => {
    for (const [threat = "", , cell = ""] of rows)
      for (const { file, test, title } of testsIn(cell)) {
        assert.isTrue(file.endsWith(".test.ts") && existsSync(root + file), `${threat}: ${test}`)
        assert.isTrue(isTitled(file, title), `${threat}: ${test}`)
      }
  })
})

describe("the pages at the root", () => {
  for (const page of ["README.md", "SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
    it(`${page} links to files that are there`, () => {
      for (const [, target = ""] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g))
        assert.isTrue(existsSync(root + target), target)
    })
})
