/**
 * The keeper of a Nostr identity: signs events, encrypts to and decrypts from a peer (NIP-44).
 * The secret key never leaves it.
 */
import type { Key, NostrEvent } from "@farthing/protocol"
import type { Effect } from "effect"
import { Context, Schema } from "effect"

/** An event to be signed; without `created_at` it is dated by the Clock. */
export interface Draft {
  readonly kind: number
  readonly tags: NostrEvent.Tags
  readonly content: string
  readonly created_at?: number
}

export interface Shape {
  readonly publicKey: Key.PublicKey
  readonly sign: (draft: Draft) => Effect.Effect<NostrEvent.NostrEvent>
  /** NIP-44 version 2. */
  readonly encrypt: (
    peer: Key.PublicKey,
    plaintext: string
  ) => Effect.Effect<string, EncryptionError>
  /** NIP-44 version 2. */
  readonly decrypt: (peer: Key.PublicKey, payload: string) => Effect.Effect<string, EncryptionError>
}

export class Signer extends Context.Service<Signer, Shape>()("@farthing/relay/Signer") {}

/** A payload that is not NIP-44, was not made for this pair of keys, or a text it cannot carry. */
export class EncryptionError extends Schema.TaggedError<EncryptionError>()("EncryptionError", {
  message: Schema.String
}) {}
