/**
 * Puts a result under seal together: its pieces in any order, and the commitment that counts them.
 * Pure; bounded in count and bytes. What is whole here is what the provider has signed for, and no
 * more is known before it is paid.
 */
import { type Bolt11, Sealed } from "@farthing/protocol"
import { HashMap, Option } from "effect"
import { hash } from "node:crypto"
import * as Delivery from "./Delivery.ts"
import type { SealedEnd, SealedPiece } from "./JobTransport.ts"

/** The most bytes of all pieces together: padding and base64 need more than the text. */
const maxBytes = Delivery.maxBytes * 3

/** A result that is what its commitment says. */
export interface Whole {
  readonly _tag: "Whole"
  /** In their order. */
  readonly pieces: ReadonlyArray<SealedPiece>
  readonly end: SealedEnd
}

export type Collected =
  | Underway
  | Whole
  /** Not one that is ever whole. */
  | { readonly _tag: "Broken"; readonly message: string }

/** What came so far. */
export interface Underway {
  readonly _tag: "Underway"
  /** By their numbers; of several with one number the one with the latest date. */
  readonly pieces: HashMap.HashMap<number, SealedPiece>
  readonly bytes: number
  readonly end: Option.Option<SealedEnd>
  /** Why what came is not what was committed to. */
  readonly complaint: string | undefined
}

export const empty: Underway = {
  _tag: "Underway",
  pieces: HashMap.empty(),
  bytes: 0,
  end: Option.none(),
  complaint: undefined
}

/** Takes one more; the very same object comes back where it adds nothing. */
export const step = (
  underway: Underway,
  answer: SealedPiece | SealedEnd,
  invoice: Bolt11.Invoice
): Collected =>
  answer._tag === "SealedPiece" ? takePiece(underway, answer) : takeEnd(underway, answer, invoice)

const takePiece = (underway: Underway, piece: SealedPiece): Collected => {
  const { seq } = piece
  if (seq >= Delivery.maxPieces) return broken(`more than ${Delivery.maxPieces} pieces`)
  const known = HashMap.get(underway.pieces, seq)
  if (Option.exists(known, (it) => it.event.created_at >= piece.event.created_at)) return underway
  const bytes = underway.bytes + piece.ciphertext.length - lengthOf(known)
  if (bytes > maxBytes) return broken(`more than ${maxBytes} bytes under seal`)
  return judged({ ...underway, bytes, pieces: HashMap.set(underway.pieces, seq, piece) })
}

const lengthOf = (piece: Option.Option<SealedPiece>): number =>
  Option.match(piece, { onNone: () => 0, onSome: ({ ciphertext }) => ciphertext.length })

const takeEnd = (underway: Underway, end: SealedEnd, invoice: Bolt11.Invoice): Collected => {
  const objection = objectionTo(end, invoice)
  if (objection !== undefined) return { ...underway, complaint: objection }
  const isOlder = Option.exists(
    underway.end,
    (known) => known.event.created_at >= end.event.created_at
  )
  return isOlder ? underway : judged({ ...underway, end: Option.some(end) })
}

/** A commitment counts for the very invoice that is to be paid. */
const objectionTo = ({ commitment }: SealedEnd, invoice: Bolt11.Invoice): string | undefined => {
  if (commitment.alg !== Sealed.alg) return `it is sealed in a way that we do not know`
  if (commitment.payment_hash !== invoice.paymentHash)
    return "it is committed to another payment hash"
  if (commitment.bolt11_sha256 !== hash("sha256", invoice.bolt11))
    return "it is committed to another invoice"
  if (commitment.chunks === 0) return "it has no pieces"
  if (commitment.chunks > Delivery.maxPieces) return `more than ${Delivery.maxPieces} pieces`
  return undefined
}

const judged = (underway: Underway): Collected =>
  Option.match(underway.end, {
    onNone: () => underway,
    onSome: (end) => {
      const pieces: Array<SealedPiece> = []
      for (let seq = 0; seq < end.commitment.chunks; seq++) {
        const piece = HashMap.get(underway.pieces, seq)
        if (Option.isNone(piece)) return underway
        pieces.push(piece.value)
      }
      return Sealed.digestOf(pieces.map(({ ciphertext }) => ciphertext)) ===
        end.commitment.ciphertext_sha256
        ? { _tag: "Whole", pieces, end }
        : { ...underway, complaint: "the pieces are not the ones that it is committed to" }
    }
  })

const broken = (message: string): Collected => ({ _tag: "Broken", message })
