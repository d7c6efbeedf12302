import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Path, Redacted } from "effect"
import { Mnemonic } from "farthing"
import * as WrittenDown from "../src/WrittenDown.ts"
import * as Screen from "./support/Screen.ts"

const words = Redacted.make(
  "leader monkey parrot ring guide accident before fence cannon height naive bean"
)
const list = Mnemonic.wordsOf(words)

const otherScreen = "\u001b[?1049h"
const firstScreen = "\u001b[?1049l"

/** A person in front of a screen, who does not type before the screen is still. */
const sitting = Effect.gen(function* () {
  const screen = yield* Screen.make({ columns: 80 })
  const checking = yield* WrittenDown.check(words, "your money").pipe(
    Effect.provide(screen.layer),
    Effect.provide([FileSystem.layerNoop({}), Path.layer]),
    Effect.forkChild({ startImmediately: true })
  )
  const still = Effect.gen(function* () {
    for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow
    return screen.news()
  })
  const type = (text: string) => Effect.andThen(screen.type(text), still)
  return { screen, checking, still, type }
})

/** The number of the word that is asked for last. */
const askedFor = (text: string): number =>
  Number([...text.matchAll(/Word (\d+)/g)].at(-1)?.[1] ?? "0")

describe("new words", () => {
  it.effect("are shown once, on a screen that goes, and three of them are asked for", () =>
    Effect.gen(function* () {
      const { checking, screen, still, type } = yield* sitting
      const first = yield* still
      list.forEach((word, place) => assert.match(first, new RegExp(` ${place + 1} ${word} `)))
      let seen = yield* type("y")
      const places: Array<number> = []
      for (let turn = 0; turn < 3; turn++) {
        const place = askedFor(seen)
        places.push(place)
        seen = yield* type(`${list[place - 1]}\r`)
      }
      yield* Fiber.join(checking)
      assert.strictEqual(new Set(places).size, 3)
      assert.deepStrictEqual(
        places,
        places.toSorted((a, b) => a - b)
      )
      assert.isTrue(screen.text().startsWith(otherScreen))
      assert.isTrue(screen.text().endsWith(firstScreen))
    })
  )

  it.effect("that somebody does not know are asked for again, and can be seen again", () =>
    Effect.gen(function* () {
      const { checking, still, type } = yield* sitting
      yield* still
      const place = askedFor(yield* type("y"))
      assert.include(yield* type("zebra\r"), `That is not word ${place}`)
      assert.isUndefined(checking.pollUnsafe())
      const backspace = "\u007f".repeat(5)
      assert.include(yield* type(`${backspace}?\r`), "12 bean")
      assert.isUndefined(checking.pollUnsafe())
      yield* Fiber.interrupt(checking)
    })
  )

  it.effect("leave the screen as it was when somebody goes away", () =>
    Effect.gen(function* () {
      const { checking, screen, still } = yield* sitting
      yield* still
      yield* Fiber.interrupt(checking)
      assert.isTrue(screen.text().endsWith(firstScreen))
    })
  )
})
