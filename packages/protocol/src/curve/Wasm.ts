/** libsecp256k1 compiled to WebAssembly: the npm package `tiny-secp256k1`. */
import { createRequire } from "node:module"
import type * as Tiny from "tiny-secp256k1"
import type { Curve } from "./Curve.ts"
import { evenPoint } from "./Schnorr.ts"

/** None where the package or its `.wasm` file is missing. */
export const load = (): Curve | undefined => {
  try {
    return make(createRequire(import.meta.url)("tiny-secp256k1") as typeof Tiny)
  } catch {
    return undefined
  }
}

const make = (tiny: typeof Tiny): Curve => ({
  implementation: "wasm",
  publicKeyCompressed: (secret) => present(tiny.pointFromScalar(secret, true)),
  isPublicKey: (x) => tiny.xOnlyPointAddTweak(x, noTweak) !== null,
  // Not in constant time, which nobody can see who hears of one key agreement with each peer.
  sharedX: (secret, x) => present(tiny.pointMultiply(evenPoint(x), secret, true)).slice(1),
  schnorrSigner: (secret) => {
    const d = Uint8Array.from(secret)
    return (message, aux) => tiny.signSchnorr(message, d, aux)
  },
  // Refuses r in n..p−1, of which no valid signature can be found (2^-128).
  schnorrVerify: (signature, message, publicKey) =>
    tiny.verifySchnorr(message, publicKey, signature),
  ecdsaSign: (hash, secret) => {
    const { recoveryId, signature } = tiny.signRecoverable(hash, secret)
    return { signature, recovery: recoveryId }
  },
  ecdsaVerify: (signature, hash, publicKey) => tiny.verify(hash, publicKey, signature, true),
  recover: (signature, recovery, hash) =>
    tiny.recover(hash, signature, recovery as Tiny.RecoveryIdType, true) ?? undefined
})

const noTweak = new Uint8Array(32)

const present = (point: Uint8Array | null): Uint8Array => {
  if (point === null) throw new RangeError("not a secret key")
  return point
}
