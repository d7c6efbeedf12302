/**
 * Puts together what a provider delivers: numbered pieces in any order, unnumbered ones in the
 * order of their arrival, or the whole text at once. Pure; bounded in count and bytes.
 */
import { Text } from "@farthing/protocol"
import { HashMap, Option } from "effect"
import { hash } from "node:crypto"
import type { Answer, Piece, Summary, Whole } from "./JobTransport.ts"

/** The most pieces a text may come in. */
export const maxPieces = 100_000

/** The most bytes (UTF-8) a text may have. */
export const maxBytes = 4 * 1024 * 1024

/** A text that is complete. */
export interface Delivered {
  readonly text: string
  /** Lower-case hex over the text's UTF-8 bytes; equal to the provider's, if it told one. */
  readonly sha256: string
  readonly summary: Summary
}

export type Delivery =
  | Underway
  | { readonly _tag: "Complete"; readonly delivered: Delivered }
  /** Nothing that comes later can mend it. */
  | { readonly _tag: "Broken"; readonly message: string }

/** What came so far. */
export interface Underway {
  readonly _tag: "Underway"
  /** Every piece up to the first gap, joined. */
  readonly text: string
  /** The number of the first piece that is missing. */
  readonly next: number
  readonly numbering: "unknown" | "numbered" | "unnumbered"
  /** Pieces behind the gap. */
  readonly waiting: HashMap.HashMap<number, string>
  readonly bytes: number
  /** Number of the last piece and what was said of the whole, once it came. */
  readonly end: Option.Option<{ readonly seq: number; readonly summary: Summary }>
}

/** Nothing has come yet. */
export const empty: Underway = {
  _tag: "Underway",
  text: "",
  next: 0,
  numbering: "unknown",
  waiting: HashMap.empty(),
  bytes: 0,
  end: Option.none()
}

/** Whether any of the text has come. */
export const hasBegun = (delivery: Underway): boolean =>
  delivery.next > 0 || !HashMap.isEmpty(delivery.waiting)

/**
 * Takes one more answer. The very same object comes back where it adds nothing: a repetition,
 * a piece behind the end, a second invoice, a word on the progress.
 */
export const step = (delivery: Underway, answer: Answer): Delivery => {
  switch (answer._tag) {
    case "Piece":
      return takePiece(delivery, answer)
    case "Whole":
      return takeWhole(answer)
    case "Refused":
      return broken(`the provider failed (${answer.code}): ${Text.printable(answer.message)}`)
    case "Quoted":
    case "Working":
      return delivery
  }
}

const takePiece = (delivery: Underway, piece: Piece): Delivery => {
  const numbering = piece.seq === undefined ? "unnumbered" : "numbered"
  if (delivery.numbering !== "unknown" && delivery.numbering !== numbering)
    return broken("pieces with and without a number")
  const seq = piece.seq ?? delivery.next
  if (seq < delivery.next || HashMap.has(delivery.waiting, seq) || isBehindEnd(delivery, seq))
    return delivery
  const bytes = delivery.bytes + Buffer.byteLength(piece.text)
  if (seq >= maxPieces) return broken(`more than ${maxPieces} pieces`)
  if (bytes > maxBytes) return broken(`more than ${maxBytes} bytes`)
  return finish(
    joined({
      ...delivery,
      numbering,
      bytes,
      waiting: HashMap.set(delivery.waiting, seq, piece.text),
      end:
        piece.end !== undefined && Option.isNone(delivery.end)
          ? Option.some({ seq, summary: piece.end })
          : delivery.end
    })
  )
}

const isBehindEnd = (delivery: Underway, seq: number): boolean =>
  Option.exists(delivery.end, (end) => seq > end.seq)

/** Moves the pieces that are next in turn from `waiting` into the text. */
const joined = (delivery: Underway): Underway => {
  const last = Option.match(delivery.end, { onNone: () => maxPieces, onSome: (end) => end.seq })
  let { next, text, waiting } = delivery
  while (next <= last) {
    const piece = HashMap.get(waiting, next)
    if (Option.isNone(piece)) break
    text += piece.value
    waiting = HashMap.remove(waiting, next)
    next++
  }
  return { ...delivery, next, text, waiting }
}

const finish = (delivery: Underway): Delivery => {
  if (Option.isNone(delivery.end)) return delivery
  const { seq, summary } = delivery.end.value
  return delivery.next > seq ? complete(delivery.text, summary) : delivery
}

/** A whole text stands for itself, whatever pieces came before it. */
const takeWhole = (whole: Whole): Delivery =>
  Buffer.byteLength(whole.text) > maxBytes
    ? broken(`more than ${maxBytes} bytes`)
    : complete(whole.text, whole.summary)

const complete = (text: string, summary: Summary): Delivery => {
  const sha256 = hash("sha256", text)
  return summary.sha256 === undefined || summary.sha256 === sha256
    ? { _tag: "Complete", delivered: { text, sha256, summary } }
    : broken("the text does not have the digest that the provider announced")
}

const broken = (message: string): Delivery => ({ _tag: "Broken", message })
