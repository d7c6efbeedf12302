import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Text } from "../src/index.ts"

describe("Foreign text on a terminal", () => {
  it.each([
    ["plain text", "Ada's node", "Ada's node"],
    ["colours", "\u001b[31mred\u001b[0m", "red"],
    ["clearing the screen", "a\u001b[2J\u001b[Hb", "ab"],
    ["one-byte CSI", "a\u009b2Jb", "ab"],
    ["a new window title", "a\u001b]0;evil\u0007b", "ab"],
    ["a title ended by ST", "a\u001b]0;evil\u001b\\b", "ab"],
    ["a hyperlink", "\u001b]8;;http://evil\u001b\\click\u001b]8;;\u001b\\", "click"],
    ["a device control string", "a\u001bPq#0\u001b\\b", "ab"],
    ["an unfinished sequence", "a\u001b[38;5;", "a"],
    ["a lone escape", "a\u001b", "a"],
    ["a character set", "a\u001b(0b", "ab"],
    ["a carriage return that overwrites", "good\rbad", "good bad"],
    ["a backspace", "good\b\b\b\bbad", "goodbad"],
    ["line breaks", "one\ntwo\r\nthree\u2028four", "one two three four"],
    ["a right-to-left override", "invoice\u202eevil", "invoiceevil"],
    ["isolates", "\u2066a\u2069", "a"],
    ["zero width", "a\u200bb\ufeffc", "abc"],
    ["tags", "a\u{e0041}b", "ab"],
    ["half a surrogate pair", "a\ud800b", "a\ufffdb"],
    ["emoji with a joiner", "👩‍💻", "👩‍💻"],
    ["other scripts", "سلام 你好 नमस्ते", "سلام 你好 नमस्ते"]
  ])("%s", (_, raw, shown) => {
    assert.strictEqual(Text.printable(raw), shown)
  })

  it("a line is bounded, and says that it was cut", () => {
    assert.strictEqual(Text.printable("a".repeat(1_000), 5), "aaaa…")
    assert.strictEqual(Text.printable("😀".repeat(1_000), 3), "😀😀…")
    assert.strictEqual(Text.printable("aaaaa", 5), "aaaaa")
  })

  it("a long text keeps its lines and tabs", () => {
    assert.strictEqual(Text.printableLines("a\tb\r\nc\u001b[1A\n"), "a\tb\nc\n")
  })

  it.prop(
    "no control character and no reordering is left in any text",
    [
      Schema.Array(
        Schema.Union([
          Schema.String,
          Schema.Literals(["\u001b[", "\u001b]", "\u009b", "\u202e", "\r", "\u0007"])
        ])
      )
    ],
    ([parts]) => {
      assert.notMatch(Text.printable(parts.join("")), /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
      assert.notMatch(Text.printableLines(parts.join("")), /(?![\t\n])[\p{Cc}\u202a-\u202e]/u)
    },
    { arbitrary: { runs: 200 } }
  )

  it.prop(
    "JSON that may be shown means the same",
    [Schema.String, Schema.Literals(["\u009b2J", "\u202e", "\u007f", "a\u{e0041}b", "\n"])],
    ([text, hostile]) => {
      const value = { [text]: `${text}${hostile}` }
      const shown = Text.printableJson(JSON.stringify(value))
      assert.notMatch(shown, /[\p{Cc}\u202a-\u202e\u{e0000}-\u{e007f}]/u)
      assert.deepStrictEqual(JSON.parse(shown), value)
    },
    { arbitrary: { runs: 200 } }
  )

  it("hostile text of a megabyte is read in linear time", () => {
    for (const part of ["\u001b]", "\u001b[", "\u001bP\u001b", "\u009d", "\u001b[1;"])
      assert.isAtMost(Text.printable(part.repeat(500_000)).length, 200)
    assert.strictEqual(Text.printableLines("\u001b[".repeat(500_000)), "")
  })
})
