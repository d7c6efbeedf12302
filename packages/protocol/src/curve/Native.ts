/** libsecp256k1 through the npm package `secp256k1`: several times faster than all else. */
import * as Addon from "./Addon.ts"
import type { Curve } from "./Curve.ts"
import * as Schnorr from "./Schnorr.ts"

/** None where the package or its build for this platform is missing. */
export const load = (): Curve | undefined => {
  const addon = Addon.load()
  return addon === undefined ? undefined : make(addon)
}

const make = (addon: Addon.Addon): Curve => ({
  implementation: "native",
  publicKeyCompressed: (secret) => addon.publicKeyCreate(secret, true),
  isPublicKey: (x) => addon.publicKeyVerify(Schnorr.evenPoint(x)),
  sharedX: (secret, x) =>
    addon.ecdh(Schnorr.evenPoint(x), secret, { hashfn: (sharedX) => sharedX }, new Uint8Array(32)),
  schnorrSigner: Schnorr.makeSigner(addon),
  schnorrVerify: Schnorr.makeVerifier(addon),
  ecdsaSign: (hash, secret) => {
    const { recid, signature } = addon.ecdsaSign(hash, secret)
    return { signature, recovery: recid }
  },
  ecdsaVerify: addon.ecdsaVerify,
  recover: (signature, recovery, hash) => addon.ecdsaRecover(signature, recovery, hash, true)
})
