/**
 * Puts together what a provider delivers: numbered pieces in any order, unnumbered ones in the
 * order of their arrival, or the whole text at once. Pure; bounded in count and bytes.
 *
 * A provider that begins anew signs each piece of the later text at a later date than any of the
 * former one. So the later piece of a number counts, and no mixture has the digest announced.
 */
import { Text } from "@farthing/protocol"
import { HashMap, Option } from "effect"
import { hash } from "node:crypto"
import type { Answer, Piece, Summary, Whole } from "./JobTransport.ts"

/** The most pieces a text may come in. */
export const maxPieces = 100_000

/** How often a piece that was read already may be replaced: each time the text is joined anew. */
const maxRewritten = 100

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
  /** The answer is not one that a text comes of; what came before it still stands. */
  | { readonly _tag: "Broken"; readonly message: string }

/** What came so far. */
export interface Underway {
  readonly _tag: "Underway"
  /** Every piece up to the first gap, joined. */
  readonly text: string
  /** The number of the first piece that is missing. */
  readonly next: number
  /** The date of the newest piece in the text. */
  readonly newest: number
  readonly numbering: "unknown" | "numbered" | "unnumbered"
  /** By their numbers; of several with one number the one with the latest date. */
  readonly pieces: HashMap.HashMap<number, Placed>
  readonly bytes: number
  /** Number and date of the last piece and what was said of the whole, once it came. */
  readonly end: Option.Option<End>
  /** How often a piece of the text was replaced. */
  readonly rewritten: number
  /** Why the text that came is not the one that was announced. */
  readonly complaint: string | undefined
}

interface Placed {
  readonly text: string
  /** Unix seconds at which the provider signed it. */
  readonly at: number
}

interface End extends Pick<Placed, "at"> {
  readonly seq: number
  readonly summary: Summary
}

/** Nothing has come yet. */
export const empty: Underway = {
  _tag: "Underway",
  text: "",
  next: 0,
  newest: 0,
  numbering: "unknown",
  pieces: HashMap.empty(),
  bytes: 0,
  end: Option.none(),
  rewritten: 0,
  complaint: undefined
}

/** Whether any of the text has come. */
export const hasBegun = (delivery: Underway): boolean => !HashMap.isEmpty(delivery.pieces)

/**
 * Takes one more answer. The very same object comes back where it adds nothing to the text: a
 * repetition, a piece behind the end, a second invoice, a word on the progress.
 */
export const step = (delivery: Underway, answer: Answer): Delivery => {
  switch (answer._tag) {
    case "Piece":
      return takePiece(delivery, answer)
    case "Whole":
      return takeWhole(delivery, answer)
    case "Refused":
      return broken(`the provider failed (${answer.code}): ${Text.printable(answer.message)}`)
    case "Quoted":
    case "Working":
    case "SealedPiece":
    case "SealedEnd":
    case "RefundOffered":
      return delivery
  }
}

/**
 * The text at its last hour: with pieces whose dates do not rise with their numbers, as those of
 * a provider whose clock was set back, if they have the digest that was announced.
 */
export const asItStands = (delivery: Underway): Option.Option<Delivered> =>
  Option.flatMap(delivery.end, ({ seq, summary }) => {
    const texts: Array<string> = []
    for (let at = 0; at <= seq; at++) {
      const piece = HashMap.get(delivery.pieces, at)
      if (Option.isNone(piece)) return Option.none()
      texts.push(piece.value.text)
    }
    return summary.sha256 === undefined ? Option.none() : judge(texts.join(""), summary)
  })

const takePiece = (delivery: Underway, piece: Piece): Delivery => {
  const numbering = piece.seq === undefined ? "unnumbered" : "numbered"
  if (delivery.numbering !== "unknown" && delivery.numbering !== numbering)
    return broken("pieces with and without a number")
  const seq = piece.seq ?? delivery.next
  // Pieces without numbers stand in the order of their arrival, whatever their dates.
  const at = piece.seq === undefined ? 0 : piece.at
  const known = HashMap.get(delivery.pieces, seq)
  if (Option.exists(known, (placed) => placed.at >= at) || isBehindEnd(delivery, seq, at))
    return delivery
  if (seq >= maxPieces) return broken(`more than ${maxPieces} pieces`)
  const bytes = delivery.bytes + Buffer.byteLength(piece.text) - bytesOf(known)
  if (bytes > maxBytes) return broken(`more than ${maxBytes} bytes`)
  const isRewritten = seq < delivery.next
  const rewritten = delivery.rewritten + (isRewritten ? 1 : 0)
  if (rewritten > maxRewritten) return broken(`a text that began anew ${maxRewritten} times`)
  return finish(
    joined({
      ...delivery,
      ...(isRewritten ? { text: "", next: 0, newest: 0 } : {}),
      numbering,
      bytes,
      rewritten,
      pieces: HashMap.set(delivery.pieces, seq, { text: piece.text, at }),
      end: endAfter(delivery, seq, at, piece.end)
    })
  )
}

const bytesOf = (known: Option.Option<Placed>): number =>
  Option.match(known, { onNone: () => 0, onSome: ({ text }) => Buffer.byteLength(text) })

const isBehindEnd = (delivery: Underway, seq: number, at: number): boolean =>
  Option.exists(delivery.end, (end) => seq > end.seq && at <= end.at)

/** The latest end counts; but what was announced with a digest is ended by nothing less. */
const endAfter = (
  { end }: Underway,
  seq: number,
  at: number,
  summary: Summary | undefined
): Option.Option<End> => {
  if (summary === undefined) return end
  const stands = Option.exists(
    end,
    (known) =>
      known.at >= at || (known.summary.sha256 !== undefined && summary.sha256 === undefined)
  )
  return stands ? end : Option.some({ seq, at, summary })
}

/**
 * Joins the pieces that are next in turn. One that is older than a piece before it belongs to a
 * text that was given up: it is as good as missing.
 */
const joined = (delivery: Underway): Underway => {
  const last = Option.match(delivery.end, { onNone: () => maxPieces, onSome: (end) => end.seq })
  let { newest, next, text } = delivery
  while (next <= last) {
    const piece = HashMap.get(delivery.pieces, next)
    if (Option.isNone(piece) || piece.value.at < newest) break
    text += piece.value.text
    newest = piece.value.at
    next++
  }
  return { ...delivery, newest, next, text }
}

const finish = (delivery: Underway): Delivery =>
  Option.match(delivery.end, {
    onNone: () => delivery,
    onSome: ({ seq, summary }) =>
      delivery.next > seq ? complete(delivery, delivery.text, summary) : delivery
  })

/** A whole text stands for itself, whatever pieces came before it. */
const takeWhole = (delivery: Underway, whole: Whole): Delivery =>
  Buffer.byteLength(whole.text) > maxBytes
    ? broken(`more than ${maxBytes} bytes`)
    : complete(delivery, whole.text, whole.summary)

/** What has another digest may still be replaced. */
const complete = (delivery: Underway, text: string, summary: Summary): Delivery =>
  Option.match(judge(text, summary), {
    onNone: () => ({
      ...delivery,
      complaint: "the text does not have the digest that the provider announced"
    }),
    onSome: (delivered) => ({ _tag: "Complete", delivered })
  })

const judge = (text: string, summary: Summary): Option.Option<Delivered> => {
  const sha256 = hash("sha256", text)
  return summary.sha256 === undefined || summary.sha256 === sha256
    ? Option.some({ text, sha256, summary })
    : Option.none()
}

const broken = (message: string): Delivery => ({ _tag: "Broken", message })
