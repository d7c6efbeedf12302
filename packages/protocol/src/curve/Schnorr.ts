/**
 * BIP-340 over 32-byte messages, made from the parts of an addon that has ECDSA alone.
 *
 * Verifying needs `s·G − e·P`. ECDSA recovery computes `r⁻¹(s'·R − z·G)` for a nonce point R with
 * the x coordinate r: with P in the place of R, `s' = −e·r` and `z = −s·r` that is the same point.
 *
 * Signing needs `k + e·d` modulo n, which tweaks of secret keys compute in constant time.
 */
import { hash } from "node:crypto"
import type { Addon } from "./Addon.ts"
import { isScalar, isZero, order, type SchnorrSigner } from "./Curve.ts"

/** The first byte of a compressed point whose y is even. */
const even = 2

/** The point with an even y whose x coordinate this is, compressed. */
export const evenPoint = (x: Uint8Array): Uint8Array => {
  const point = new Uint8Array(33)
  point[0] = even
  point.set(x, 1)
  return point
}

export const makeSigner =
  (addon: Addon) =>
  (secret: Uint8Array): SchnorrSigner => {
    const d = Uint8Array.from(secret)
    const point = addon.publicKeyCreate(d, true)
    if (point[0] !== even) addon.privateKeyNegate(d)
    const x = point.subarray(1)
    return (message, aux) => {
      const mask = hashAux(aux)
      for (let i = 0; i < 32; i++) mask[i]! ^= d[i]!
      const k = reduced(hashNonce(mask, x, message))
      const r = addon.publicKeyCreate(k, true)
      if (r[0] !== even) addon.privateKeyNegate(k)
      const e = reduced(hashChallenge(r.subarray(1), x, message))
      const s = addon.privateKeyTweakAdd(addon.privateKeyTweakMul(e, d), k)
      const signature = new Uint8Array(64)
      signature.set(r.subarray(1), 0)
      signature.set(s, 32)
      return signature
    }
  }

/** Throws, or returns false, where the signature is not valid. */
export const makeVerifier = (addon: Addon) => {
  const commitmentOf = makeCommitment(addon)
  return (signature: Uint8Array, message: Uint8Array, x: Uint8Array): boolean => {
    const e = reduced(hashChallenge(signature.subarray(0, 32), x, message))
    const commitment = commitmentOf(signature.subarray(32), e, x)
    return commitment[0] === even && commitment.compare(signature, 0, 32, 1, 33) === 0
  }
}

/**
 * `s·G − e·P` for the point P with an even y and the x coordinate `x`. Overwrites `e`, and what
 * it returned before. Throws where `s` is no scalar, `x` no coordinate of a point, the result
 * infinite, or `e` zero, which would be a preimage of SHA-256.
 */
export const makeCommitment = (addon: Addon) => {
  // Calls do not overlap, so none needs memory of its own.
  const recoverable = Buffer.alloc(64)
  const z = Buffer.alloc(32)
  const commitment = Buffer.alloc(33)

  const negatedProduct = (scalar: Uint8Array, factor: Uint8Array): Uint8Array =>
    addon.privateKeyNegate(addon.privateKeyTweakMul(scalar, factor))

  const byRecovery = (s: Uint8Array, e: Uint8Array, x: Uint8Array): void => {
    z.set(s)
    negatedProduct(z, x)
    recoverable.set(x, 0)
    recoverable.set(negatedProduct(e, x), 32)
    addon.ecdsaRecover(recoverable, 0, z, true, commitment)
  }

  /** Slower, for what no ECDSA signature can hold: `s = 0` and `x ≥ n`. */
  const byTerms = (s: Uint8Array, e: Uint8Array, x: Uint8Array): void => {
    const term = addon.publicKeyTweakMul(evenPoint(x), addon.privateKeyNegate(e))
    commitment.set(
      isZero(s) ? term : addon.publicKeyCombine([addon.publicKeyCreate(s, true), term])
    )
  }

  return (s: Uint8Array, e: Uint8Array, x: Uint8Array): Buffer => {
    if (isScalar(x) && !isZero(s)) byRecovery(s, e, x)
    else byTerms(s, e, x)
    return commitment
  }
}

/** `sha256(sha256(tag) ‖ sha256(tag) ‖ parts)` of BIP-340, for up to three parts of 32 bytes. */
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

const hashAux = taggedHash("BIP0340/aux")
const hashNonce = taggedHash("BIP0340/nonce")
const hashChallenge = taggedHash("BIP0340/challenge")

/** A hash as a scalar: modulo n, which changes one hash in 2^128. */
const reduced = (bytes: Buffer): Buffer => {
  if (isScalar(bytes)) return bytes
  const value = BigInt(`0x${bytes.toString("hex")}`) - BigInt(`0x${order.toString("hex")}`)
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex")
}
