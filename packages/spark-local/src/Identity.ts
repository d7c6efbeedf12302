/** Who owns leaves: a key pair, of which the others know the public key. */
import { Hex, Secp256k1 } from "@farthing/protocol"
import { Effect, Schema } from "effect"
import { randomBytes } from "node:crypto"

/** A compressed public key (33 bytes) in hex. */
export const Identity = Hex.ofBytes(33).pipe(Schema.brand("Identity"))
export type Identity = typeof Identity.Type

export interface KeyPair {
  readonly secret: Uint8Array
  readonly publicKey: Uint8Array
  readonly identity: Identity
}

export const fromBytes = (publicKey: Uint8Array): Identity =>
  Identity.make(Hex.fromBytes(publicKey))

export const toBytes: (identity: Identity) => Uint8Array = Hex.toBytes

/** Of 32 random bytes, which are a key but for one time in 2^128. */
export const generate: Effect.Effect<KeyPair> = Effect.sync(() => {
  const secret = Uint8Array.from(randomBytes(32))
  const publicKey = Secp256k1.publicKeyCompressed(secret)
  return { secret, publicKey, identity: fromBytes(publicKey) }
})
