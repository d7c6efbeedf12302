/**
 * QR codes in the terminal, for a phone to read. Two rows of squares make one line; on a terminal
 * they are black on white whatever its colours are, because not every reader takes the negative.
 */
import { Effect, Option, Stdio, Terminal } from "effect"
import { Flag } from "effect/cli"
import { Output } from "./Output.ts"

export const flag = Flag.Boolean("qr").pipe(
  Flag.withDescription("Show a QR code too, which is the default on a terminal (--no-qr: none)"),
  Flag.optional
)

/** What goes around it, in squares. ISO/IEC 18004 wants four, and readers are content with two. */
const border = 2

/** Black squares are blanks, so that the negative is what a dark terminal without colours shows. */
const blackOnWhite = (line: string): string => `\u001b[38;5;231;48;5;16m${line}\u001b[0m`

/** Shows the text as a QR code where somebody may be looking; beside JSON on stderr. */
export const show = Effect.fnUntraced(function* (text: string, wish: Option.Option<boolean>) {
  const output = yield* Output
  const isTerminal = yield* (yield* Stdio.Stdio).stdoutIsTerminal
  if (!Option.getOrElse(wish, () => isTerminal && !output.json)) return
  const lines = yield* draw(text)
  if (lines === undefined) return yield* output.note("too long for a QR code")
  const width = lines[0]?.length ?? 0
  const columns = yield* (yield* Terminal.Terminal).columns
  if (isTerminal && columns > 0 && width > columns)
    return yield* output.note(`no QR code: it is ${width} columns wide, the terminal ${columns}`)
  const tell = output.json ? output.note : output.line
  yield* tell((isTerminal ? lines.map(blackOnWhite) : lines).join("\n"))
})

/** The lines of the code; undefined for what no code can hold. */
export const draw = Effect.fnUntraced(function* (text: string) {
  const { renderUnicodeCompact } = yield* Effect.promise(() => import("uqr"))
  return yield* Effect.try(() => renderUnicodeCompact(text, { border, ecc: "L" }).split("\n")).pipe(
    Effect.orElseSucceed(() => undefined)
  )
})

/** As codes hold it in fewer squares: BOLT 11 and bech32 mean the same in capitals. */
export const ofInvoice = (bolt11: string): string => bolt11.toUpperCase()
