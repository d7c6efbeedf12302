/**
 * Shows new words once and asks for some of them, so that nobody's money hangs on a file alone.
 * All of it stands on the terminal's other screen, which leaves nothing to scroll back to.
 */
import { Array as Arr, Effect, Order, Random, Terminal } from "effect"
import type { Redacted } from "effect"
import { Prompt } from "effect/cli"
import { Mnemonic } from "farthing"

/** How many words are asked for. */
const asked = 3

const otherScreen = "\u001b[?1049h"
const firstScreen = "\u001b[?1049l"
const emptied = "\u001b[2J\u001b[H"

/** What is typed to see the words again. */
const again = "?"

/** Returns once the person knows the words that are asked for; fails if they give up. */
export const check = Effect.fnUntraced(function* (
  mnemonic: Redacted.Redacted<string>,
  /** What they are the key to. */
  meaning: string
) {
  const terminal = yield* Terminal.Terminal
  const words = Mnemonic.wordsOf(mnemonic)
  const untilKnown: Effect.Effect<void, Terminal.QuitError, Prompt.Environment> = Effect.gen(
    function* () {
      yield* Effect.ignore(terminal.display(emptied + [...page(words, meaning), "", ""].join("\n")))
      const isDone = yield* Prompt.Confirm({ message: "Are they all on paper?" })
      if (!isDone) return yield* untilKnown
      yield* Effect.ignore(terminal.display(emptied))
      if (!(yield* knows(words))) yield* untilKnown
    }
  )
  yield* Effect.acquireUseRelease(
    Effect.ignore(terminal.display(otherScreen)),
    () => untilKnown,
    () => Effect.ignore(terminal.display(firstScreen))
  )
})

/** Asks for some words, in their order; false if the person wants to see them again. */
const knows = Effect.fnUntraced(function* (words: ReadonlyArray<string>) {
  const places = yield* Random.shuffle(words.map((_, place) => place))
  for (const place of Arr.sort(Arr.take(places, asked), Order.Number)) {
    const word = words[place] ?? ""
    const typed = yield* Prompt.String({
      message: `Word ${place + 1}`,
      validate: (text) =>
        [word, again].includes(text.trim().toLowerCase())
          ? Effect.succeed(text.trim())
          : Effect.fail(
              `That is not word ${place + 1}. Look at your paper; ${again} shows them again.`
            )
    })
    if (typed === again) return false
  }
  return true
})

const perLine = 4

const page = (words: ReadonlyArray<string>, meaning: string): ReadonlyArray<string> => [
  `These words are ${meaning}.`,
  "Whoever has them has it; nobody can give them back to you.",
  "Write them on paper, in this order:",
  "",
  ...Arr.chunksOf(
    words.map((word, place) => `${String(place + 1).padStart(4)} ${word.padEnd(10)}`),
    perLine
  ).map((line) => line.join("  "))
]
