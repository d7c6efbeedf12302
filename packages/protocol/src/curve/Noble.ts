/** Plain JavaScript, `@noble/curves`: slow, and there on every platform. */
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js"
import type { Curve } from "./Curve.ts"
import { evenPoint } from "./Schnorr.ts"

export const curve: Curve = {
  implementation: "noble",
  publicKeyCompressed: (secret) => secp256k1.getPublicKey(secret, true),
  isPublicKey: (x) => {
    schnorr.utils.lift_x(BigInt(`0x${Buffer.from(x).toString("hex")}`))
    return true
  },
  sharedX: (secret, x) => secp256k1.getSharedSecret(secret, evenPoint(x), true).slice(1),
  schnorrSigner: (secret) => {
    const d = Uint8Array.from(secret)
    return (message, aux) => schnorr.sign(message, d, aux)
  },
  schnorrVerify: schnorr.verify,
  ecdsaSign: (hash, secret) => {
    const signed = secp256k1.sign(hash, secret, { prehash: false, format: "recovered" })
    return { signature: signed.slice(1), recovery: signed[0]! }
  },
  ecdsaVerify: (signature, hash, publicKey) =>
    secp256k1.verify(signature, hash, publicKey, { prehash: false }),
  recover: (signature, recovery, hash) =>
    secp256k1.Signature.fromBytes(signature, "compact")
      .addRecoveryBit(recovery)
      .recoverPublicKey(hash)
      .toBytes(true)
}
