/**
 * The curve: every signature that Farthing makes or checks goes through this module.
 */
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js"

/** The x-only public key (32 bytes) of a secret key. */
export const publicKey = (secret: Uint8Array): Uint8Array => schnorr.getPublicKey(secret)

/** The compressed public key (33 bytes) of a secret key. */
export const publicKeyCompressed = (secret: Uint8Array): Uint8Array =>
  secp256k1.getPublicKey(secret, true)

/** BIP-340 over a 32-byte message; without `aux` the signature is deterministic. */
export const schnorrSign = (
  message: Uint8Array,
  secret: Uint8Array,
  aux: Uint8Array = new Uint8Array(32)
): Uint8Array => schnorr.sign(message, secret, aux)

export const schnorrVerify = (
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array
): boolean => {
  try {
    return schnorr.verify(signature, message, publicKey)
  } catch {
    return false
  }
}
