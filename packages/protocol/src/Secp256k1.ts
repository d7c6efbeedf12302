/**
 * The curve: every signature that Farthing makes or checks, and every secret that it shares with
 * a peer, goes through this module.
 *
 * It picks the fastest implementation that is present when it loads: libsecp256k1 as a native
 * addon, the same as WebAssembly, or plain JavaScript. All give the same answers; the others
 * are not even loaded.
 */
import * as Curve from "./curve/Curve.ts"
import * as Native from "./curve/Native.ts"
import * as Wasm from "./curve/Wasm.ts"

export type { Recoverable, SchnorrSigner } from "./curve/Curve.ts"

const curve = Curve.checked(
  Native.load() ?? Wasm.load() ?? (await import("./curve/Noble.ts")).curve
)

/** Which implementation was found: `native`, `wasm` or `noble`. */
export const implementation: Curve.Curve["implementation"] = curve.implementation

/** Whether 32 bytes are a secret key: a number in 1..n−1. */
export const isSecretKey: (bytes: Uint8Array) => boolean = Curve.isSecretKey

/** Whether 32 bytes are an x-only public key: the x coordinate of a point on the curve. */
export const isPublicKey: (bytes: Uint8Array) => boolean = curve.isPublicKey

/** The x-only public key (32 bytes) of a secret key; throws a `RangeError` if it is none. */
export const publicKey = (secret: Uint8Array): Uint8Array => publicKeyCompressed(secret).slice(1)

/** The compressed public key (33 bytes) of a secret key; throws a `RangeError` if it is none. */
export const publicKeyCompressed: (secret: Uint8Array) => Uint8Array = curve.publicKeyCompressed

/**
 * What two keys have in common (ECDH): the x coordinate (32 bytes) of one's secret key times the
 * other's x-only public key, not hashed. Throws a `RangeError` if either is no key.
 */
export const sharedX: (secret: Uint8Array, publicKey: Uint8Array) => Uint8Array = curve.sharedX

const noAux = new Uint8Array(32)

/**
 * Signs 32-byte messages by BIP-340 with one secret key; for many signatures of the same key.
 * Without `aux` the signatures are deterministic. Throws a `RangeError` on wrong lengths.
 */
export const schnorrSigner = (
  secret: Uint8Array
): ((message: Uint8Array, aux?: Uint8Array) => Uint8Array) => {
  const sign = curve.schnorrSigner(secret)
  return (message, aux = noAux) => sign(message, aux)
}

/** BIP-340 over a 32-byte message; see `schnorrSigner`. */
export const schnorrSign = (
  message: Uint8Array,
  secret: Uint8Array,
  aux: Uint8Array = noAux
): Uint8Array => curve.schnorrSigner(secret)(message, aux)

/** BIP-340 over a 32-byte message with an x-only public key. Never throws. */
export const schnorrVerify: (
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array
) => boolean = curve.schnorrVerify

/** ECDSA over a 32-byte hash: deterministic (RFC 6979), low-S, with its recovery id. */
export const ecdsaSign: (hash: Uint8Array, secret: Uint8Array) => Curve.Recoverable =
  curve.ecdsaSign

/** ECDSA with a compressed public key; a high-S signature is not valid. Never throws. */
export const ecdsaVerify: (
  signature: Uint8Array,
  hash: Uint8Array,
  publicKey: Uint8Array
) => boolean = curve.ecdsaVerify

/** The compressed public key whose ECDSA signature this is, high-S or not. Never throws. */
export const recover: (
  signature: Uint8Array,
  recovery: number,
  hash: Uint8Array
) => Uint8Array | undefined = curve.recover
