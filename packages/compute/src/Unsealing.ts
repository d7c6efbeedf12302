/** Opens a result under seal with the preimage that its payment showed. */
import { Treasury } from "@farthing/budget"
import { type Bolt11, type NostrEvent, Sealed } from "@farthing/protocol"
import { Data, Effect, Option, Redacted } from "effect"
import { logged } from "./Bookkeeping.ts"
import * as Delivery from "./Delivery.ts"
import { JobTransport, type Request, type SealedPiece } from "./JobTransport.ts"
import { Journal } from "./Journal.ts"

/** What was paid for is no text that was promised. */
export class Garbage extends Data.TaggedError("Garbage")<{ readonly message: string }> {}

interface Paid {
  readonly preimage: Bolt11.Preimage
  readonly paymentHash: Bolt11.PaymentHash
}

/** The text in the pieces, which stand in their order; each holds a message as it would be sent openly. */
export const open = Effect.fnUntraced(function* (sealed: {
  readonly request: Request
  readonly paid: Paid
  readonly pieces: ReadonlyArray<SealedPiece>
}) {
  const transport = yield* JobTransport
  const { paid, pieces, request } = sealed
  const lock: Sealed.Lock = {
    preimage: Redacted.make(paid.preimage),
    conversationKey: yield* transport.conversationKey(request),
    requestId: request.event.id,
    paymentHash: paid.paymentHash
  }
  let underway = Delivery.empty
  for (const { ciphertext, event, seq } of pieces) {
    const text = Sealed.open(lock, seq, ciphertext)
    if (Option.isNone(text)) return yield* garbage(`piece ${seq} does not open`)
    const answer = Option.filter(transport.read(text.value, event), isText)
    if (Option.isNone(answer)) return yield* garbage(`piece ${seq} holds no part of a text`)
    const next = Delivery.step(underway, answer.value)
    if (next._tag === "Complete") return next.delivered
    if (next._tag === "Broken") return yield* garbage(next.message)
    underway = next
  }
  return yield* Option.match(Delivery.asItStands(underway), {
    onNone: () => garbage(underway.complaint ?? "the text has no end"),
    onSome: Effect.succeed
  })
})

const isText = ({ _tag }: { readonly _tag: string }): boolean =>
  _tag === "Piece" || _tag === "Whole"

const garbage = (message: string) => Effect.fail(new Garbage({ message }))

/** The pieces in what the provider signed and the journal kept. */
export const piecesOf = (
  transport: JobTransport["Service"],
  events: ReadonlyArray<NostrEvent.NostrEvent>
): ReadonlyArray<SealedPiece> =>
  events.flatMap((event) =>
    Option.match(transport.read(event.content, event), {
      onNone: () => [],
      onSome: (answer) => (answer._tag === "SealedPiece" ? [answer] : [])
    })
  )

/** Paid for nothing: booked as a loss. */
export const lose = Effect.fnUntraced(function* (
  request: NostrEvent.EventId,
  paymentHash: Bolt11.PaymentHash,
  why: string
) {
  const journal = yield* Journal
  const treasury = yield* Treasury.Treasury
  yield* logged(journal.ended(request, "lost", `garbage under seal: ${why}`))
  yield* logged(treasury.conclude(paymentHash, "lost"))
})
