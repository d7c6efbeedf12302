/**
 * Nostr events (NIP-01): what they are, how their id is made, how they are signed and verified.
 */
import { Result, Schema } from "effect"
import { hash } from "node:crypto"
import * as Hex from "./Hex.ts"
import * as Key from "./Key.ts"
import * as Secp256k1 from "./Secp256k1.ts"

export const EventId = Hex.ofBytes(32).pipe(Schema.brand("EventId"))
export type EventId = typeof EventId.Type

export const Signature = Hex.ofBytes(64).pipe(Schema.brand("Signature"))
export type Signature = typeof Signature.Type

/** Unix seconds, as events carry them. */
export const Timestamp = Schema.Int.check(
  Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
)

export const Kind = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))

export type Tags = ReadonlyArray<ReadonlyArray<string>>

export const NostrEvent = Schema.Struct({
  id: EventId,
  pubkey: Key.PublicKey,
  created_at: Timestamp,
  kind: Kind,
  tags: Schema.Array(Schema.Array(Schema.String)),
  content: Schema.String,
  sig: Signature
})

export interface NostrEvent extends Schema.Schema.Type<typeof NostrEvent> {}

/** What its author decides about an event; key, id and signature follow from it. */
export interface Template {
  readonly kind: number
  readonly created_at: number
  readonly tags: Tags
  readonly content: string
}

/**
 * An event of the right shape, without fields that are not an event's; its id and signature are
 * not checked yet (see `verify`).
 */
export const decode = (input: unknown): Result.Result<NostrEvent, Schema.SchemaError> =>
  hasShape(input)
    ? Result.succeed({
        id: input.id,
        pubkey: input.pubkey,
        created_at: input.created_at,
        kind: input.kind,
        tags: input.tags,
        content: input.content,
        sig: input.sig
      })
    : decodeBySchema(input)

/** Tells what is wrong, at three times the cost. */
const decodeBySchema = Schema.decodeUnknownResult(NostrEvent)

/** The schema by hand, because everything that a relay sends passes here. */
const hasShape = (input: unknown): input is NostrEvent => {
  if (typeof input !== "object" || input === null) return false
  const event = input as { readonly [_ in keyof NostrEvent]?: unknown }
  return (
    is32Bytes(event.id) &&
    is32Bytes(event.pubkey) &&
    isCount(event.created_at, Number.MAX_SAFE_INTEGER) &&
    isCount(event.kind, 65_535) &&
    isTags(event.tags) &&
    typeof event.content === "string" &&
    is64Bytes(event.sig)
  )
}

const is32Bytes = Hex.isOfBytes(32)

const is64Bytes = Hex.isOfBytes(64)

const isCount = (value: unknown, maximum: number): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maximum

const isTags = (value: unknown): boolean => {
  if (!Array.isArray(value)) return false
  for (const tag of value) {
    if (!Array.isArray(tag)) return false
    for (const item of tag) if (typeof item !== "string") return false
  }
  return true
}

/** NIP-01: sha256 over the JSON array `[0, pubkey, created_at, kind, tags, content]`. */
export const idOf = (pubkey: Key.PublicKey, template: Template): EventId =>
  hash(
    "sha256",
    JSON.stringify([0, pubkey, template.created_at, template.kind, template.tags, template.content])
  ) as EventId

/** Deterministic: the same template and key make the same event. */
export const sign = (template: Template, secretKey: Key.SecretKey): NostrEvent => {
  const pubkey = Key.publicKeyOf(secretKey)
  const id = idOf(pubkey, template)
  return {
    id,
    pubkey,
    created_at: template.created_at,
    kind: template.kind,
    tags: template.tags,
    content: template.content,
    sig: Hex.fromBytes(Key.sign(secretKey, Hex.toBytes(id))) as Signature
  }
}

/** Whether the id is the hash of the content and the signature (BIP-340) is its author's. */
export const verify = (event: NostrEvent): boolean =>
  idOf(event.pubkey, event) === event.id &&
  Secp256k1.schnorrVerify(Hex.toBytes(event.sig), Hex.toBytes(event.id), Hex.toBytes(event.pubkey))

/** The value of the first tag with this name. */
export const tagValue = (event: { readonly tags: Tags }, name: string): string | undefined =>
  event.tags.find((tag) => tag[0] === name)?.[1]

/** The values of all tags with this name. */
export const tagValues = (event: { readonly tags: Tags }, name: string): ReadonlyArray<string> =>
  event.tags.flatMap((tag) => (tag[0] === name && tag[1] !== undefined ? [tag[1]] : []))

/** Kinds of which a relay keeps the newest event per author (NIP-01). */
export const isReplaceable = (kind: number): boolean =>
  kind === 0 || kind === 3 || (kind >= 10_000 && kind < 20_000)

/** Kinds that a relay forwards and does not keep (NIP-01). */
export const isEphemeral = (kind: number): boolean => kind >= 20_000 && kind < 30_000

/** Kinds of which a relay keeps the newest event per author and `d` tag (NIP-01). */
export const isAddressable = (kind: number): boolean => kind >= 30_000 && kind < 40_000

/**
 * What a newer event takes the place of, as an `a` tag names it (NIP-01); undefined for kinds of
 * which every event stands for itself.
 */
export const addressOf = (event: NostrEvent): string | undefined =>
  isAddressable(event.kind)
    ? `${event.kind}:${event.pubkey}:${tagValue(event, "d") ?? ""}`
    : isReplaceable(event.kind)
      ? `${event.kind}:${event.pubkey}:`
      : undefined

/** NIP-01: newest first; of two events of one second the one with the lower id comes first. */
export const newestFirst = (a: Dated, b: Dated): number =>
  b.created_at - a.created_at || (a.id < b.id ? -1 : 1)

interface Dated {
  readonly created_at: number
  readonly id: string
}

/** NIP-40: the unix second after which the event is void, if it names one. */
export const expirationOf = (event: { readonly tags: Tags }): number | undefined => {
  const value = tagValue(event, "expiration")
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

/** NIP-40: whether the event is void by that unix second. */
export const isExpired = (event: { readonly tags: Tags }, now: number): boolean =>
  (expirationOf(event) ?? Number.POSITIVE_INFINITY) <= now
