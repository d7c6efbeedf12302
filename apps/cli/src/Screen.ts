/**
 * The terminal's other screen, for a picture that changes: it is drawn over in place, wraps no line,
 * and leaves nothing behind, however it ends.
 */
import { Effect, Option, Queue, Ref, Stdio, Terminal } from "effect"

const opened = "\u001b[?1049h\u001b[?25l\u001b[?7l"
const closed = "\u001b[?7h\u001b[?25h\u001b[?1049l"

/** What lies between is shown at once, where the terminal knows how. */
const begin = "\u001b[?2026h\u001b[H"
const end = "\u001b[J\u001b[?2026l"

/** Before the line: behind one that is as wide as the screen it would take its last character. */
const emptied = "\u001b[2K"

export interface Screen {
  readonly size: Effect.Effect<Terminal.Size>
  readonly draw: (lines: ReadonlyArray<string>) => Effect.Effect<void>
}

/** A terminal that does not know its size is taken for an old one. */
const usual: Terminal.Size = { columns: 80, rows: 24 }

export const open = Effect.gen(function* () {
  const terminal = yield* Terminal.Terminal
  const show = (text: string) => Effect.ignore(terminal.display(text))
  yield* Effect.acquireRelease(show(opened), () => show(closed))
  const shown = yield* Ref.make("")
  const screen: Screen = {
    size: Effect.map(Effect.all([terminal.columns, terminal.rows]), ([columns, rows]) => ({
      columns: columns || usual.columns,
      rows: rows || usual.rows
    })),
    draw: (lines) =>
      Effect.suspend(() => {
        const text = begin + lines.map((line) => emptied + line).join("\r\n") + end
        return Effect.flatMap(Ref.getAndSet(shown, text), (before) =>
          before === text ? Effect.void : show(text)
        )
      })
  }
  return screen
})

/** Ends when the person has seen enough; Ctrl-C interrupts. Without a keyboard it waits for ever. */
export const untilQuit = Effect.gen(function* () {
  const stdio = yield* Stdio.Stdio
  if (!(yield* stdio.stdinIsTerminal)) return yield* Effect.never
  const terminal = yield* Terminal.Terminal
  const keys = yield* terminal.readInput
  while (true) {
    const pressed = yield* Effect.option(Queue.take(keys))
    if (Option.isNone(pressed)) return
    const { ctrl, name } = pressed.value.key
    if (ctrl && name === "c") return yield* Effect.interrupt
    if (name === "q") return
  }
}).pipe(Effect.scoped)
