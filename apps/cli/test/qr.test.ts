import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import jsqr from "jsqr"
import * as QrCode from "../src/QrCode.ts"
import * as Screen from "./support/Screen.ts"

/** As long as those of Spark on mainnet, with a description. */
const invoice =
  "lnbc5u1p4s8jwcsp5snvd0rs2nvcqry6j0d237gg95n7w6ey3txukqxkvpdlfr2444zkspp5qtk3p7fv3u4gl5wxha97wlz9g3pksdwswmazuhm8czmjud0yzwaqdq5vys8xmtpd3kzqcm0d9hqxqrrsscqpjnp4qfst4mmesw6ul47ntwsz2cl5kqhjlk7ytdglcmcaw86pqtw84h8ky9qrsgqcj5v230tlh4cv6f2p2aa7qg9n8vcs3uq5e2vh722vhqydjpr95dyr34q2c6klgjcgc8d0xavqx8hkfhetyhn98zt5xrskjxvzh95ancpvnap0f"

const scale = 4

/** The characters as a camera sees them; which half of one is bright says its shape. */
const photograph = (lines: ReadonlyArray<string>) => {
  const rows = lines.flatMap((line) => [
    Array.from(line, (it) => "█▀".includes(it)),
    Array.from(line, (it) => "█▄".includes(it))
  ])
  const width = (rows[0]?.length ?? 0) * scale
  const height = rows.length * scale
  const pixels = new Uint8ClampedArray(width * height * 4)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const light = rows[Math.floor(y / scale)]?.[Math.floor(x / scale)] === true ? 255 : 0
      pixels.set([light, light, light, 255], (y * width + x) * 4)
    }
  return { pixels, width, height }
}

const read = (lines: ReadonlyArray<string>): string | undefined => {
  const { height, pixels, width } = photograph(lines)
  return jsqr.default(pixels, width, height)?.data
}

/** What is between the colours of a terminal. */
const uncoloured = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  text.replaceAll(/\u001b\[[0-9;]*m/g, "")

describe("a QR code in the terminal", () => {
  it.effect("is read by another program as what it was made of", () =>
    Effect.gen(function* () {
      const address = "sparkrt1pgssx5us3wmxfxlq84gvlzemqe7cmu3n7fgqzs9mzlrpvcqsxtljzrxqd8t9xv"
      for (const text of [QrCode.ofInvoice(invoice), address])
        assert.strictEqual(read((yield* QrCode.draw(text)) ?? []), text)
    })
  )

  it.effect("of an invoice fits into 80 columns", () =>
    Effect.gen(function* () {
      const [line = ""] = (yield* QrCode.draw(QrCode.ofInvoice(invoice))) ?? []
      assert.isAtMost(line.length, 80)
    })
  )

  it.effect("is black on white on a terminal, whose own colours may be anything", () =>
    Effect.gen(function* () {
      const screen = yield* Screen.make({ columns: 80 })
      yield* Effect.provide(QrCode.show(invoice.toUpperCase(), Option.none()), screen.layer)
      const lines = screen.text().trimEnd().split("\n")
      for (const line of lines) {
        assert.isTrue(line.startsWith("\u001b[38;5;231;48;5;16m"))
        assert.isTrue(line.endsWith("\u001b[0m"))
      }
      assert.strictEqual(read(lines.map(uncoloured)), invoice.toUpperCase())
    })
  )

  it.effect("that is wider than the terminal is not shown, and the terminal says why", () =>
    Effect.gen(function* () {
      const screen = yield* Screen.make({ columns: 40 })
      yield* Effect.provide(QrCode.show(invoice.toUpperCase(), Option.none()), screen.layer)
      assert.match(screen.text(), /^no QR code: it is \d+ columns wide, the terminal 40\n$/)
    })
  )

  it.effect("goes into no pipe and beside no JSON, unless somebody asks for it", () =>
    Effect.gen(function* () {
      for (const options of [{ isTerminal: false }, { args: ["--json"] }]) {
        const silent = yield* Screen.make({ columns: 80, ...options })
        yield* Effect.provide(QrCode.show("HELLO", Option.none()), silent.layer)
        assert.strictEqual(silent.text(), "")
        const asked = yield* Screen.make({ columns: 80, ...options })
        yield* Effect.provide(QrCode.show("HELLO", Option.some(true)), asked.layer)
        assert.strictEqual(read(asked.text().trimEnd().split("\n").map(uncoloured)), "HELLO")
      }
      const refused = yield* Screen.make({ columns: 80 })
      yield* Effect.provide(QrCode.show("HELLO", Option.some(false)), refused.layer)
      assert.strictEqual(refused.text(), "")
    })
  )

  it.effect("holds no more than a code can", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* QrCode.draw("x".repeat(5_000)))
    })
  )
})
