/**
 * Nostr keys: x-only public keys and secret keys, in hex and in the bech32 forms of NIP-19,
 * and the derivation from a BIP-39 mnemonic of NIP-06.
 */
import { Redacted, Schema } from "effect"
import * as Hex from "./Hex.ts"
import * as Secp256k1 from "./Secp256k1.ts"

/** An x-only public key (BIP-340) in hex. */
export const PublicKey = Hex.ofBytes(32).pipe(Schema.brand("PublicKey"))
export type PublicKey = typeof PublicKey.Type

/** A secret key in hex, redacted wherever it is printed. */
export type SecretKey = Redacted.Redacted<string>

export const secretBytes = (secretKey: SecretKey): Uint8Array =>
  Hex.toBytes(Redacted.value(secretKey))

export const publicKeyOf = (secretKey: SecretKey): PublicKey =>
  Hex.fromBytes(Secp256k1.publicKey(secretBytes(secretKey))) as PublicKey
