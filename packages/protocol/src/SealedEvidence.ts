/**
 * What somebody who paid for a sealed result can show to anybody: the request, what the provider
 * signed, the preimage that the payment brought, and a key for each part.
 *
 * The commitment is signed over the invoice and over all ciphertext; a key opens one part of it and
 * nothing else, and nobody finds a second key that opens the same bytes to another text. So what
 * opens is what the provider sealed. A part that does not open proves nothing to others, because
 * they have to believe that the key is the right one.
 */
import { Option, Result, Schema } from "effect"
import { hash } from "node:crypto"
import * as AgentMessage from "./AgentMessage.ts"
import * as Bolt11 from "./Bolt11.ts"
import * as Hex from "./Hex.ts"
import * as NostrEvent from "./NostrEvent.ts"
import * as Sealed from "./Sealed.ts"

/** A file of it is this as JSON. */
export const SealedEvidence = Schema.Struct({
  type: Schema.Literal("farthing/sealed-evidence/1"),
  /** Signed by the customer. */
  request: NostrEvent.NostrEvent,
  bolt11: Schema.String,
  /** Null while nothing is paid: then nothing opens. */
  preimage: Schema.NullOr(Bolt11.Preimage),
  /** Signed by the provider, in their order. */
  parts: Schema.Array(
    Schema.Struct({ event: NostrEvent.NostrEvent, key: Schema.NullOr(Hex.ofBytes(32)) })
  ),
  /** Signed by the provider. */
  commitment: NostrEvent.NostrEvent
})
export interface SealedEvidence extends Schema.Schema.Type<typeof SealedEvidence> {}

/** One thing that was looked at. */
export interface Finding {
  readonly about: "request" | "provider" | "invoice" | "payment" | "ciphertext" | "contents"
  readonly holds: boolean
  /** For people. */
  readonly note: string
}

export interface Examination {
  readonly findings: ReadonlyArray<Finding>
  /** What was sealed, as far as it opens and is text; undefined if it does not open as a whole. */
  readonly text: string | undefined
}

/** Puts the evidence together that `open` needs no secret for; parts have keys once it is paid. */
export const make = (
  facts: Pick<SealedEvidence, "request" | "bolt11" | "commitment"> & {
    readonly parts: ReadonlyArray<NostrEvent.NostrEvent>
    /** None while nothing is paid. */
    readonly paid: Option.Option<{ readonly preimage: Bolt11.Preimage; readonly lock: Sealed.Lock }>
  }
): SealedEvidence => ({
  type: "farthing/sealed-evidence/1",
  request: facts.request,
  bolt11: facts.bolt11,
  preimage: Option.match(facts.paid, { onNone: () => null, onSome: ({ preimage }) => preimage }),
  parts: facts.parts.map((event) => ({
    event,
    key: Option.match(Option.all([facts.paid, partIn(event)]), {
      onNone: () => null,
      onSome: ([{ lock }, { seq }]) => Hex.fromBytes(Sealed.partKey(lock, seq))
    })
  })),
  commitment: facts.commitment
})

/** Whether it holds, and what was sealed. */
export const examine = (evidence: SealedEvidence): Examination => {
  const commitment = Option.getOrUndefined(commitmentIn(evidence.commitment))
  const parts = evidence.parts.map(({ event, key }) => ({
    part: Option.getOrUndefined(partIn(event)),
    key
  }))
  const ciphertexts = parts.map(({ part }) => part?.ciphertext ?? "")
  const { request } = evidence
  const signed = [evidence.commitment, ...evidence.parts.map(({ event }) => event)]
  const provider = evidence.commitment.pubkey
  const isOfRequest = (requestId: string | undefined): boolean => requestId === request.id
  const invoice = Result.getOrUndefined(Bolt11.decode(evidence.bolt11))
  const contents = contentsOf(parts)

  return {
    findings: [
      finding("request", NostrEvent.verify(request), `${request.id}, signed by its customer`),
      finding(
        "provider",
        signed.every((event) => event.pubkey === provider && NostrEvent.verify(event)) &&
          isOfRequest(commitment?.request_id) &&
          parts.every(({ part }) => isOfRequest(part?.request_id)),
        `${signed.length} answers to this request, signed by ${provider}`
      ),
      finding(
        "invoice",
        commitment !== undefined &&
          invoice?.paymentHash === commitment.payment_hash &&
          hash("sha256", evidence.bolt11) === commitment.bolt11_sha256,
        "the commitment is to this invoice"
      ),
      finding(
        "payment",
        evidence.preimage !== null && Bolt11.hashOf(evidence.preimage) === commitment?.payment_hash,
        evidence.preimage === null ? "nothing is paid" : "the preimage is that of the invoice"
      ),
      finding(
        "ciphertext",
        commitment?.alg === Sealed.alg &&
          commitment.chunks === parts.length &&
          parts.every(({ part }, at) => part?.seq === at) &&
          Sealed.digestOf(ciphertexts) === commitment.ciphertext_sha256,
        `${parts.length} parts, all of those and only those that the commitment is to`
      ),
      contents.finding
    ],
    text: contents.text
  }
}

/** Whether all but the contents holds: then what opens is what the provider has to answer for. */
export const isSound = ({ findings }: Examination): boolean =>
  findings.every(({ about, holds }) => holds || about === "contents")

const finding = (about: Finding["about"], holds: boolean, note: string): Finding => ({
  about,
  holds,
  note
})

interface Part {
  readonly part: AgentMessage.SealedChunk | undefined
  readonly key: string | null
}

/** What the parts open to, and whether that is a whole text with the digest that was sealed with it. */
const contentsOf = (
  parts: ReadonlyArray<Part>
): { readonly finding: Finding; readonly text: string | undefined } => {
  const failed = (note: string) => ({ finding: finding("contents", false, note), text: undefined })
  const pieces: Array<Piece> = []
  for (const [at, { key, part }] of parts.entries()) {
    if (key === null || part === undefined) return failed(`part ${at} has no key`)
    const opened = Sealed.openPart(Hex.toBytes(key), part.ciphertext)
    if (Option.isNone(opened))
      return failed(`part ${at} does not open with this key, which only its two parties can judge`)
    const piece = Option.flatMap(AgentMessage.parse(opened.value), pieceOf)
    if (Option.isNone(piece)) return failed(`part ${at} opens, and is no piece of a text`)
    pieces.push(piece.value)
  }
  const text = pieces.map((piece) => piece.text).join("")
  const last = pieces.at(-1)
  const isWhole =
    last?.isLast === true && (last.sha256 ?? hash("sha256", text)) === hash("sha256", text)
  return {
    finding: finding(
      "contents",
      isWhole,
      isWhole
        ? "a whole text, as the digest says that was sealed with it"
        : "no whole text, or another one than the digest says that was sealed with it"
    ),
    text
  }
}

interface Piece {
  readonly text: string
  readonly isLast: boolean
  readonly sha256: string | undefined
}

/** Sealed or not, a result is made of the same messages. */
const pieceOf = (message: AgentMessage.AgentMessage): Option.Option<Piece> => {
  switch (message.type) {
    case "StreamChunk":
      return Option.some({
        text: message.chunk,
        isLast: message.is_final,
        sha256: message.sha256
      })
    case "JobResult":
      return Option.some({ text: message.result, isLast: true, sha256: message.sha256 })
    default:
      return Option.none()
  }
}

const partIn = (event: NostrEvent.NostrEvent): Option.Option<AgentMessage.SealedChunk> =>
  Option.filter(
    AgentMessage.parse(event.content),
    (message): message is AgentMessage.SealedChunk => message.type === "SealedChunk"
  )

const commitmentIn = (event: NostrEvent.NostrEvent): Option.Option<AgentMessage.SealedResult> =>
  Option.filter(
    AgentMessage.parse(event.content),
    (message): message is AgentMessage.SealedResult => message.type === "SealedResult"
  )
