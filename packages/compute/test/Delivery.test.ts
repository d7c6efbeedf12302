import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
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

const piece = (seq: number | undefined, text: string, end?: Summary, at = 0): Piece => ({
  _tag: "Piece",
  seq,
  text,
  at,
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

  it("with the wrong digest are no text, and may still be replaced", () => {
    const wrong = run([piece(0, "a", summary("b"))])
    assert.include(wrong._tag === "Underway" ? wrong.complaint : "", "digest")
    assert.strictEqual(
      textOf(run([piece(0, "a", summary("b")), piece(0, "b", summary("b"), 1)])),
      "b"
    )
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

describe("a text that begins anew", () => {
  /** The pieces of a text, signed one a second from a date on. */
  const signedFrom = (at: number, texts: ReadonlyArray<string>) =>
    piecesOf(texts).map((one, seq) => ({ ...one, at: at + seq }))

  const Start = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))

  it.prop(
    "is delivered as it was begun last, in any order, and never as a mixture",
    [Texts, Texts, Turns, Start],
    ([former, later, turns, cut]) => {
      const [old, young] = [former, later].map((texts) => texts.map((text) => text.toWellFormed()))
      const pieces = [
        ...signedFrom(1, old!).slice(0, cut % (old!.length + 1)),
        ...signedFrom(1 + old!.length, young!)
      ]
      const text = textOf(run(shuffled(pieces, turns)))
      assert.include([young!.join(""), old!.join("")], text)
      if (cut % (old!.length + 1) < old!.length) assert.strictEqual(text, young!.join(""))
    }
  )

  it("shows none of the former text behind the later one", () => {
    const former = signedFrom(1, ["one ", "two ", "three ", "four"]).slice(0, 3)
    const [first] = signedFrom(9, ["uno ", "due"])
    const delivery = run([...former, first!])
    assert.strictEqual(delivery._tag === "Underway" ? delivery.text : "", "uno ")
  })

  it("may be shorter or longer than the former one", () => {
    const long = signedFrom(1, ["a", "b", "c", "d"])
    const short = signedFrom(9, ["x", "y"])
    assert.strictEqual(textOf(run([...long.slice(0, 3), ...short])), "xy")
    const withoutFirst = signedFrom(1, ["x", "y"]).slice(1)
    const longer = signedFrom(9, ["a", "b", "c", "d"])
    assert.strictEqual(textOf(run([...withoutFirst, ...longer])), "abcd")
  })

  it("of which the earlier pieces come later is the later one", () => {
    const former = signedFrom(1, ["a", "b"])
    const later = signedFrom(9, ["x", "y"])
    assert.strictEqual(textOf(run([later[0]!, former[0]!, former[1]!, later[1]!])), "xy")
  })

  it("without a digest does not end one that was announced with it", () => {
    const end = piece(1, "end", summary("the end"), 1)
    const more = [piece(2, " is near", undefined, 2), piece(3, "!", untold, 3)]
    assert.strictEqual(textOf(run([end, ...more, piece(0, "the ", undefined, 1)])), "the end")
  })

  it("again and again is broken off", () => {
    const restless = Array.from({ length: 200 }, (_, at) => piece(0, `${at}`, undefined, at))
    assert.strictEqual(run(restless)._tag, "Broken")
  })

  it("counts the bytes of what is replaced no more", () => {
    const half = "x".repeat(Delivery.maxBytes - 10)
    const delivery = run([piece(0, half, undefined, 1), piece(0, half, undefined, 2)])
    assert.strictEqual(delivery._tag === "Underway" ? delivery.bytes : 0, half.length)
  })

  it("is believed with its digest even if the provider's clock was set back", () => {
    const pieces = piecesOf(["a", "b", "c"]).map((one, seq) => ({ ...one, at: 9 - seq }))
    const delivery = run(pieces)
    if (delivery._tag !== "Underway") return assert.fail("it was not waited for a later text")
    assert.deepStrictEqual(
      Option.map(Delivery.asItStands(delivery), ({ text }) => text),
      Option.some("abc")
    )
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

  it("with the wrong digest is none, and may still come", () => {
    const wrong: Answer = { _tag: "Whole", text: "a", summary: summary("b") }
    const undelivered = run([wrong])
    assert.include(undelivered._tag === "Underway" ? undelivered.complaint : "", "digest")
    assert.strictEqual(textOf(run([wrong, { ...wrong, text: "b" }])), "b")
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
