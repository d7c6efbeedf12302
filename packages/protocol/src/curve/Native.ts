/**
 * libsecp256k1 through the npm package `secp256k1`, where a build for this platform is present.
 *
 * The package has ECDSA alone. BIP-340 is made from its parts:
 *
 * - Verifying. ECDSA recovery computes `r⁻¹(s'·R − z·G)`. With the public key P in the place of
 *   the nonce point R (so r = P.x), `s' = −e·r` and `z = −s·r` that is `s·G − e·P`, which BIP-340
 *   compares with the signature's nonce point.
 * - Signing. Tweaks of secret keys are the scalar arithmetic of `s = k + e·d`, in constant time.
 */
import { hash } from "node:crypto"
import { createRequire } from "node:module"
import { isScalar, isZero, order, type Curve, type SchnorrSigner } from "./Curve.ts"

/** The part of the package in use; everything throws on values that are out of range. */
interface Addon {
  readonly publicKeyVerify: (publicKey: Uint8Array) => boolean
  readonly publicKeyCreate: (secret: Uint8Array, compressed: true) => Uint8Array
  readonly publicKeyTweakMul: (point: Uint8Array, scalar: Uint8Array) => Uint8Array
  readonly publicKeyCombine: (points: ReadonlyArray<Uint8Array>) => Uint8Array
  /** In place, as are the two that follow. */
  readonly privateKeyNegate: (scalar: Uint8Array) => Uint8Array
  readonly privateKeyTweakAdd: (scalar: Uint8Array, addend: Uint8Array) => Uint8Array
  readonly privateKeyTweakMul: (scalar: Uint8Array, factor: Uint8Array) => Uint8Array
  readonly ecdsaSign: (
    hash: Uint8Array,
    secret: Uint8Array
  ) => { readonly signature: Uint8Array; readonly recid: number }
  readonly ecdsaVerify: (signature: Uint8Array, hash: Uint8Array, publicKey: Uint8Array) => boolean
  readonly ecdsaRecover: (
    signature: Uint8Array,
    recovery: number,
    hash: Uint8Array,
    compressed: true,
    output?: Uint8Array
  ) => Uint8Array
}

/** None where the package or its build for this platform is missing. */
export const load = (): Curve | undefined => {
  try {
    // `bindings.js`, because the package's entry silently replaces a missing build by JavaScript.
    return make(createRequire(import.meta.url)("secp256k1/bindings.js") as Addon)
  } catch {
    return undefined
  }
}

/** The sign byte of a compressed point whose y is even. */
const even = 2

const make = (addon: Addon): Curve => {
  const challengeOf = taggedHash("BIP0340/challenge")
  const nonceOf = taggedHash("BIP0340/nonce")
  const auxOf = taggedHash("BIP0340/aux")

  // Calls do not overlap, so verifying needs no memory of its own each time.
  const recoverable = Buffer.alloc(64)
  const z = Buffer.alloc(32)
  const commitment = Buffer.alloc(33)

  const negatedProduct = (scalar: Uint8Array, factor: Uint8Array): Uint8Array =>
    addon.privateKeyNegate(addon.privateKeyTweakMul(scalar, factor))

  /** `s·G − e·P` by recovery; `e` is overwritten. Not for `s = 0` and not for `x ≥ n`. */
  const commitmentByRecovery = (s: Uint8Array, e: Uint8Array, x: Uint8Array): void => {
    z.set(s)
    negatedProduct(z, x)
    recoverable.set(x, 0)
    recoverable.set(negatedProduct(e, x), 32)
    addon.ecdsaRecover(recoverable, 0, z, true, commitment)
  }

  /** `s·G − e·P` term by term, at half the speed; `e` is overwritten. */
  const commitmentByTerms = (s: Uint8Array, e: Uint8Array, x: Uint8Array): void => {
    const term = addon.publicKeyTweakMul(evenPoint(x), addon.privateKeyNegate(e))
    commitment.set(
      isZero(s) ? term : addon.publicKeyCombine([addon.publicKeyCreate(s, true), term])
    )
  }

  const schnorrSigner = (secret: Uint8Array): SchnorrSigner => {
    const d = Uint8Array.from(secret)
    const point = addon.publicKeyCreate(d, true)
    if (point[0] !== even) addon.privateKeyNegate(d)
    const x = point.subarray(1)
    return (message, aux) => {
      const mask = auxOf(aux)
      for (let i = 0; i < 32; i++) mask[i]! ^= d[i]!
      const k = reduced(nonceOf(mask, x, message))
      const r = addon.publicKeyCreate(k, true)
      if (r[0] !== even) addon.privateKeyNegate(k)
      const e = reduced(challengeOf(r.subarray(1), x, message))
      const s = addon.privateKeyTweakAdd(addon.privateKeyTweakMul(e, d), k)
      const signature = new Uint8Array(64)
      signature.set(r.subarray(1), 0)
      signature.set(s, 32)
      return signature
    }
  }

  return {
    implementation: "native",
    publicKeyCompressed: (secret) => addon.publicKeyCreate(secret, true),
    isPublicKey: (x) => addon.publicKeyVerify(evenPoint(x)),
    schnorrSigner,
    schnorrVerify: (signature, message, x) => {
      const s = signature.subarray(32)
      // Scalars that are no scalars, and e = 0 (a preimage of SHA-256), throw: not valid.
      const e = reduced(challengeOf(signature.subarray(0, 32), x, message))
      if (isScalar(x) && !isZero(s)) commitmentByRecovery(s, e, x)
      else commitmentByTerms(s, e, x)
      return commitment[0] === even && commitment.compare(signature, 0, 32, 1, 33) === 0
    },
    ecdsaSign: (hash, secret) => {
      const { recid, signature } = addon.ecdsaSign(hash, secret)
      return { signature, recovery: recid }
    },
    ecdsaVerify: addon.ecdsaVerify,
    recover: (signature, recovery, hash) => addon.ecdsaRecover(signature, recovery, hash, true)
  }
}

const evenPoint = (x: Uint8Array): Uint8Array => {
  const point = new Uint8Array(33)
  point[0] = even
  point.set(x, 1)
  return point
}

/** `sha256(sha256(tag) ‖ sha256(tag) ‖ parts)` of BIP-340, for parts of 32 bytes. */
const taggedHash = (tag: string) => {
  const prefix = hash("sha256", tag, "buffer")
  const input = Buffer.concat([prefix, prefix, Buffer.alloc(96)])
  return (...parts: ReadonlyArray<Uint8Array>): Buffer => {
    let end = 64
    for (const part of parts) {
      input.set(part, end)
      end += 32
    }
    return hash("sha256", input.subarray(0, end), "buffer")
  }
}

/** A hash as a scalar: modulo `n`, which changes one hash of 2^128. */
const reduced = (scalar: Buffer): Buffer => {
  if (Buffer.compare(scalar, order) < 0) return scalar
  const value = BigInt(`0x${scalar.toString("hex")}`) - n
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex")
}

const n = BigInt(`0x${Buffer.from(order).toString("hex")}`)
