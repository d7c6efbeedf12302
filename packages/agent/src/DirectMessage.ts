/**
 * What is said to one person alone: written as NIP-17 says (a rumor of kind 14 in a seal of kind
 * 13 in a gift wrap of kind 1059), read in that form, and in the older one of kind 4 where its
 * payload is NIP-44.
 */
import { Key, NostrEvent } from "@farthing/protocol"
import { Signer, UnixTime } from "@farthing/relay"
import { Effect, Random, Result, Schema } from "effect"

export const rumorKind = 14
const sealKind = 13
export const wrapKind = 1059
export const olderKind = 4

/** Seconds: wraps and seals are dated up to two days back, so that nobody learns when (NIP-59). */
export const backdated = 2 * 24 * 60 * 60

export interface Opened {
  readonly from: Key.PublicKey
  /** Unix seconds, as its author dates it. */
  readonly at: number
  readonly text: string
}

/** The gift wrap for one reader. Every call makes another: keep what is to be sent again. */
export const wrap = Effect.fnUntraced(function* (
  signer: Signer.Shape,
  to: Key.PublicKey,
  text: string
) {
  const now = yield* UnixTime.now
  const rumor = { kind: rumorKind, created_at: now, tags: [["p", to]], content: text }
  const id = NostrEvent.idOf(signer.publicKey, rumor)
  const seal = yield* signer.sign({
    kind: sealKind,
    tags: [],
    created_at: yield* earlierThan(now),
    content: yield* signer.encrypt(to, JSON.stringify({ id, pubkey: signer.publicKey, ...rumor }))
  })
  const nobody = Signer.make(Key.generate())
  return yield* nobody.sign({
    kind: wrapKind,
    tags: [["p", to]],
    created_at: yield* earlierThan(now),
    content: yield* nobody.encrypt(to, JSON.stringify(seal))
  })
})

const earlierThan = (now: number) =>
  Effect.map(Random.nextIntBetween(0, backdated), (seconds) => now - seconds)

/** What an event says to this reader alone, and who truly said it. */
export const open = (
  signer: Signer.Shape,
  event: NostrEvent.NostrEvent
): Effect.Effect<Opened, Unreadable> =>
  event.kind === wrapKind ? unwrap(signer, event) : readOlder(signer, event)

const unwrap = Effect.fnUntraced(function* (signer: Signer.Shape, event: NostrEvent.NostrEvent) {
  const seal = yield* decrypted(signer, event, NostrEvent.NostrEvent)
  if (seal.kind !== sealKind || !NostrEvent.verify(seal))
    return yield* new Unreadable({ message: "its seal is not signed by whoever it names" })
  const rumor = yield* decrypted(signer, seal, Rumor)
  if (rumor.pubkey !== seal.pubkey)
    return yield* new Unreadable({ message: "it names another author than the one who sealed it" })
  if (rumor.kind !== rumorKind) return yield* new Unreadable({ message: "it is no direct message" })
  return { from: rumor.pubkey, at: rumor.created_at, text: rumor.content }
})

const readOlder = (signer: Signer.Shape, event: NostrEvent.NostrEvent) =>
  signer.decrypt(event.pubkey, event.content).pipe(
    Effect.mapError(({ message }) => new Unreadable({ message })),
    Effect.map((text): Opened => ({ from: event.pubkey, at: event.created_at, text }))
  )

const decrypted = <A>(
  signer: Signer.Shape,
  { content, pubkey }: NostrEvent.NostrEvent,
  schema: Schema.Decoder<A>
) =>
  signer.decrypt(pubkey, content).pipe(
    Effect.flatMap((text) =>
      Effect.fromResult(
        Result.try(() => JSON.parse(text) as unknown).pipe(
          Result.flatMap(Schema.decodeUnknownResult(schema))
        )
      )
    ),
    Effect.mapError(() => new Unreadable({ message: "it holds nothing that can be read" }))
  )

const Rumor = Schema.Struct({
  pubkey: Key.PublicKey,
  created_at: NostrEvent.Timestamp,
  kind: NostrEvent.Kind,
  content: Schema.String
})

/** An event that says nothing to this reader. */
export class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", {
  message: Schema.String
}) {}
