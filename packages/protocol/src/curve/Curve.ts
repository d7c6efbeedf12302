/**
 * What an implementation of secp256k1 has to offer, and the checks that all of them share.
 */

/** An ECDSA signature (64 bytes, r ‖ s) and the id (0..3) that lets the signer be recovered. */
export interface Recoverable {
  readonly signature: Uint8Array
  readonly recovery: number
}

/** Signs 32-byte messages by BIP-340 with one secret key and 32 bytes of auxiliary randomness. */
export type SchnorrSigner = (message: Uint8Array, aux: Uint8Array) => Uint8Array

export interface Curve {
  readonly implementation: "native" | "wasm" | "noble"
  /** The compressed public key (33 bytes) of a secret key. */
  readonly publicKeyCompressed: (secret: Uint8Array) => Uint8Array
  /** Whether 32 bytes are the x coordinate of a point (`lift_x` of BIP-340). */
  readonly isPublicKey: (x: Uint8Array) => boolean
  /** The x coordinate of the secret key times the point with an even y that has this x. */
  readonly sharedX: (secret: Uint8Array, x: Uint8Array) => Uint8Array
  /** Work that depends on the secret key alone is done once. */
  readonly schnorrSigner: (secret: Uint8Array) => SchnorrSigner
  readonly schnorrVerify: (
    signature: Uint8Array,
    message: Uint8Array,
    publicKey: Uint8Array
  ) => boolean
  /** RFC 6979, low-S. */
  readonly ecdsaSign: (hash: Uint8Array, secret: Uint8Array) => Recoverable
  /** Takes compressed public keys and low-S signatures only. */
  readonly ecdsaVerify: (signature: Uint8Array, hash: Uint8Array, publicKey: Uint8Array) => boolean
  /** The compressed public key of the signer; low-S and high-S signatures alike. */
  readonly recover: (
    signature: Uint8Array,
    recovery: number,
    hash: Uint8Array
  ) => Uint8Array | undefined
}

/** The order of the group, `n`, big-endian. */
export const order = Buffer.from(
  "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
  "hex"
)

const zero = new Uint8Array(32)

/** Whether 32 bytes are a scalar below `n`. */
export const isScalar = (bytes: Uint8Array): boolean =>
  bytes.length === 32 && Buffer.compare(bytes, order) < 0

export const isZero = (scalar: Uint8Array): boolean => Buffer.compare(scalar, zero) === 0

/** Whether 32 bytes are a secret key: a scalar in 1..n−1. */
export const isSecretKey = (bytes: Uint8Array): boolean => isScalar(bytes) && !isZero(bytes)

/**
 * Puts the shared checks before an implementation: what uses a secret throws a `RangeError` on
 * wrong lengths, secrets and points, what verifies returns false, and nothing else is thrown.
 */
export const checked = (curve: Curve): Curve => ({
  implementation: curve.implementation,
  publicKeyCompressed: (secret) => curve.publicKeyCompressed(secretKey(secret)),
  isPublicKey: (x) => x.length === 32 && attempt(() => curve.isPublicKey(x)) === true,
  sharedX: (secret, x) => {
    const d = secretKey(secret)
    const shared = x.length === 32 ? attempt(() => curve.sharedX(d, x)) : undefined
    if (shared === undefined) throw new RangeError("not a public key")
    return shared
  },
  schnorrSigner: (secret) => {
    const sign = curve.schnorrSigner(secretKey(secret))
    return (message, aux) => sign(bytes32("message", message), bytes32("aux", aux))
  },
  schnorrVerify: (signature, message, publicKey) => {
    if (signature.length !== 64 || message.length !== 32 || publicKey.length !== 32) return false
    try {
      return curve.schnorrVerify(signature, message, publicKey)
    } catch {
      return false
    }
  },
  ecdsaSign: (hash, secret) => curve.ecdsaSign(bytes32("hash", hash), secretKey(secret)),
  ecdsaVerify: (signature, hash, publicKey) =>
    signature.length === 64 &&
    hash.length === 32 &&
    publicKey.length === 33 &&
    attempt(() => curve.ecdsaVerify(signature, hash, publicKey)) === true,
  recover: (signature, recovery, hash) =>
    signature.length === 64 && hash.length === 32 && isRecoveryId(recovery)
      ? attempt(() => curve.recover(signature, recovery, hash))
      : undefined
})

const isRecoveryId = (recovery: number): boolean =>
  Number.isInteger(recovery) && recovery >= 0 && recovery <= 3

const secretKey = (bytes: Uint8Array): Uint8Array => {
  if (!isSecretKey(bytes)) throw new RangeError("not a secret key")
  return bytes
}

const bytes32 = (name: string, bytes: Uint8Array): Uint8Array => {
  if (bytes.length !== 32) throw new RangeError(`${name} must have 32 bytes`)
  return bytes
}

/** Implementations throw where the mathematics has no answer. */
const attempt = <A>(answer: () => A): A | undefined => {
  try {
    return answer()
  } catch {
    return undefined
  }
}
