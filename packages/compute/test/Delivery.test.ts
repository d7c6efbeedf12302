import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { hash } from "node:crypto"
import * as Delivery from "../src/Delivery.ts"
import type { Answer, Piece, Summary } from "../src/JobTransport.ts"

const summary = (text: string): Summary => ({
  model: undefined,
  sha256: hash("sha256", text),
  tokensIn: undefined,
  tokensOut: undefined,
  finishReason: "stop"
})

const untold: Summary = { ...summary(""), sha256: undefined }

const piece = (seq: number | undefined, text: string, end?: Summary): Piece => ({
  _tag: "Piece",
  seq,
  text,
  end
})

/** The numbered pieces of a text, the last one closing it. */
const piecesOf = (texts: ReadonlyArray<string>): ReadonlyArray<Piece> =>
  texts.map((text, seq) =>
    piece(seq, text, seq === texts.length - 1 ? summary(texts.join("")) : undefined)
  )

const run = (answers: Iterable<Answer>): Delivery.Delivery => {
  let delivery: Delivery.Delivery = Delivery.empty
  for (const answer of answers) {
    if (delivery._tag !== "Underway") break
    delivery = Delivery.step(delivery, answer)
  }
  return delivery
}

const textOf = (delivery: Delivery.Delivery): string | undefined =>
  delivery._tag === "Complete" ? delivery.delivered.text : undefined

const Texts = Schema.NonEmptyArray(Schema.String)
/** Says how an order is shuffled. */
const Turns = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 })))

const shuffled = <A>(items: ReadonlyArray<A>, turns: ReadonlyArray<number>): ReadonlyArray<A> => {
  const deck = [...items]
  return items.map((_, at) => deck.splice((turns[at] ?? 0) % deck.length, 1)[0]!)
}

describe("numbered pieces", () => {
  it.prop("make the text in any order, with any repetition", [Texts, Turns], ([texts, turns]) => {
    const well = texts.map((text) => text.toWellFormed()) as [string, ...Array<string>]
    const pieces = piecesOf(well)
    assert.strictEqual(textOf(run(shuffled([...pieces, ...pieces], turns))), well.join(""))
  })

  it.prop("show only what has no gap before it", [Texts, Turns], ([texts, turns]) => {
    let delivery: Delivery.Delivery = Delivery.empty
    const text = texts.join("")
    for (const one of shuffled(piecesOf(texts).slice(0, -1), turns)) {
      if (delivery._tag !== "Underway") break
      delivery = Delivery.step(delivery, one)
      if (delivery._tag === "Underway") assert.isTrue(text.startsWith(delivery.text))
    }
  })

  it.prop("without one of them are no text", [Texts, Turns], ([texts, turns]) => {
    const pieces = piecesOf(texts)
    const missing = (turns[0] ?? 0) % pieces.length
    assert.strictEqual(run(pieces.filter((_, at) => at !== missing))._tag, "Underway")
  })

  it("behind the end are ignored", () => {
    const [first] = piecesOf(["whole"])
    const behind = piece(5, "more")
    assert.strictEqual(textOf(run([behind, first!])), "whole")
    const open = Delivery.step(Delivery.empty, piece(1, "b", summary("ab")))
    assert.strictEqual(open._tag === "Underway" ? Delivery.step(open, behind) : undefined, open)
  })

  it("repeated with another text change nothing", () => {
    const [first, last] = piecesOf(["a", "b"])
    assert.strictEqual(textOf(run([first!, piece(0, "x"), last!])), "ab")
  })

  it("with the wrong digest are broken", () => {
    assert.strictEqual(run([piece(0, "a", summary("b"))])._tag, "Broken")
  })

  it("without a digest are believed", () => {
    assert.strictEqual(textOf(run([piece(0, "a", untold)])), "a")
  })

  it("beyond the number that is allowed are broken", () => {
    assert.strictEqual(run([piece(Delivery.maxPieces, "a")])._tag, "Broken")
    assert.strictEqual(run([piece(Delivery.maxPieces - 1, "a")])._tag, "Underway")
  })

  it("beyond the bytes that are allowed are broken, gaps or not", () => {
    const half = "é".repeat(Delivery.maxBytes / 4)
    assert.strictEqual(run([piece(0, half), piece(2, half)])._tag, "Underway")
    assert.strictEqual(run([piece(0, half), piece(2, half), piece(5, "x")])._tag, "Broken")
  })
})

describe("pieces without numbers", () => {
  it.prop("make the text in the order of arrival", [Texts], ([texts]) => {
    const pieces = texts.map((text, at) =>
      piece(undefined, text, at === texts.length - 1 ? untold : undefined)
    )
    assert.strictEqual(textOf(run(pieces)), texts.join(""))
  })

  it("do not mix with numbered ones", () => {
    assert.strictEqual(run([piece(undefined, "a"), piece(1, "b")])._tag, "Broken")
    assert.strictEqual(run([piece(0, "a"), piece(undefined, "b")])._tag, "Broken")
  })
})

describe("a whole text", () => {
  it("is complete by itself, whatever came before", () => {
    const whole: Answer = { _tag: "Whole", text: "all of it", summary: summary("all of it") }
    assert.strictEqual(textOf(run([whole])), "all of it")
    assert.strictEqual(textOf(run([piece(0, "all"), whole])), "all of it")
  })

  it("with the wrong digest is broken", () => {
    assert.strictEqual(run([{ _tag: "Whole", text: "a", summary: summary("b") }])._tag, "Broken")
  })

  it("that is too large is broken", () => {
    const text = "x".repeat(Delivery.maxBytes + 1)
    assert.strictEqual(run([{ _tag: "Whole", text, summary: untold }])._tag, "Broken")
  })
})

describe("other answers", () => {
  it("a failure breaks the delivery", () => {
    const failed = run([{ _tag: "Refused", code: "inference_failed", message: "out of memory" }])
    assert.include(failed._tag === "Broken" ? failed.message : "", "out of memory")
  })

  it("a word on the progress and a second invoice change nothing", () => {
    const working: Answer = { _tag: "Working", status: "processing" }
    assert.strictEqual(Delivery.step(Delivery.empty, working), Delivery.empty)
  })
})
