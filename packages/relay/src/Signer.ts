/**
 * The keeper of a Nostr identity: signs events, encrypts to and decrypts from a peer (NIP-44).
 * The secret key never leaves it.
 */
import { Hex, Key, NostrEvent, Secp256k1 } from "@farthing/protocol"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { createHmac, randomBytes } from "node:crypto"
import * as nip44 from "nostr-tools/nip44"
import * as Recent from "./Recent.ts"
import * as UnixTime from "./UnixTime.ts"

/** An event to be signed; without `created_at` it is dated by the Clock. */
export interface Draft {
  readonly kind: number
  readonly tags: NostrEvent.Tags
  readonly content: string
  /** Unix seconds. */
  readonly created_at?: number
}

export interface Shape {
  readonly publicKey: Key.PublicKey
  readonly sign: (draft: Draft) => Effect.Effect<NostrEvent.NostrEvent>
  /** NIP-44 version 2; 1 to 65,535 bytes. */
  readonly encrypt: (
    peer: Key.PublicKey,
    plaintext: string
  ) => Effect.Effect<string, EncryptionError>
  /** NIP-44 version 2. */
  readonly decrypt: (peer: Key.PublicKey, payload: string) => Effect.Effect<string, EncryptionError>
  /**
   * The conversation key of NIP-44 version 2 (32 bytes): a secret of this identity and the peer,
   * the same on both sides; with oneself, a secret of this identity alone.
   */
  readonly conversationKey: (
    peer: Key.PublicKey
  ) => Effect.Effect<Redacted.Redacted<Uint8Array>, EncryptionError>
}

export class Signer extends Context.Service<Signer, Shape>()("@farthing/relay/Signer") {}

/** NIP-44: the base64 of 65,535 bytes, padded, with version, nonce and MAC. */
const maxPayloadLength = 87_472
const maxPlaintextBytes = 65_535
const rememberedPeers = 256

/** A signer that holds its secret in this process. */
export const make = (secret: Key.SecretKey): Shape => {
  const publicKey = Key.publicKeyOf(secret)
  const conversations = Recent.make<Key.PublicKey, ConversationKey>(rememberedPeers)

  const conversationWith = (peer: Key.PublicKey): ConversationKey => {
    const known = conversations.get(peer)
    if (known !== undefined) return known
    const key = conversationKeyOf(secret, peer)
    conversations.set(peer, key)
    return key
  }

  return {
    publicKey,
    sign: (draft) =>
      Effect.map(UnixTime.now, (now) =>
        NostrEvent.sign({ ...draft, created_at: draft.created_at ?? now }, secret)
      ),
    encrypt: Effect.fnUntraced(function* (peer, plaintext) {
      if (plaintext.length === 0 || Buffer.byteLength(plaintext) > maxPlaintextBytes)
        return yield* new EncryptionError({ message: "A text has to have 1 to 65,535 bytes" })
      return yield* Effect.try({
        try: () =>
          nip44.encrypt(plaintext, Redacted.value(conversationWith(peer)), randomBytes(32)),
        catch: notOnCurve
      })
    }),
    decrypt: Effect.fnUntraced(function* (peer, payload) {
      if (payload.length > maxPayloadLength)
        return yield* new EncryptionError({ message: "The payload is too long for NIP-44" })
      return yield* Effect.try({
        try: () => nip44.decrypt(payload, Redacted.value(conversationWith(peer))),
        catch: () =>
          new EncryptionError({ message: "The payload is not NIP-44, or not made for these keys" })
      })
    }),
    conversationKey: (peer) => Effect.try({ try: () => conversationWith(peer), catch: notOnCurve })
  }
}

type ConversationKey = Redacted.Redacted<Uint8Array>

/** NIP-44: HKDF-extract (RFC 5869) over the x coordinate that both keys give. */
const conversationKeyOf = (secret: Key.SecretKey, peer: Key.PublicKey): ConversationKey =>
  Redacted.make(
    createHmac("sha256", "nip44-v2")
      .update(Secp256k1.sharedX(Key.secretBytes(secret), Hex.toBytes(peer)))
      .digest()
  )

const notOnCurve = () => new EncryptionError({ message: "The peer's key is no point of the curve" })

export const layer = (secret: Key.SecretKey): Layer.Layer<Signer> =>
  Layer.sync(Signer, () => make(secret))

/** The key of an account of a BIP-39 mnemonic (NIP-06). */
export const layerMnemonic = (
  mnemonic: Redacted.Redacted<string>,
  account = 0
): Layer.Layer<Signer, Key.InvalidKey> =>
  Layer.effect(Signer, Effect.map(Key.fromMnemonic(mnemonic, account), make))

/** A payload that is not NIP-44, was not made for this pair of keys, or a text it cannot carry. */
export class EncryptionError extends Schema.TaggedError<EncryptionError>()("EncryptionError", {
  message: Schema.String
}) {}
