/** The native addon of the npm package `secp256k1`, which comes without types. */
import { createRequire } from "node:module"

/** The part of it in use. Every function throws on values that are out of range. */
export interface Addon {
  readonly publicKeyVerify: (publicKey: Uint8Array) => boolean
  readonly publicKeyCreate: (secret: Uint8Array, compressed: true) => Uint8Array
  readonly publicKeyTweakMul: (point: Uint8Array, scalar: Uint8Array) => Uint8Array
  readonly publicKeyCombine: (points: ReadonlyArray<Uint8Array>) => Uint8Array
  /** In constant time: what the function makes of the product's coordinates, into the output. */
  readonly ecdh: (
    point: Uint8Array,
    secret: Uint8Array,
    options: { readonly hashfn: (x: Uint8Array, y: Uint8Array) => Uint8Array },
    output: Uint8Array
  ) => Uint8Array
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
export const load = (): Addon | undefined => {
  try {
    // `bindings.js`, because the package's entry silently replaces a missing build by JavaScript.
    return createRequire(import.meta.url)("secp256k1/bindings.js") as Addon
  } catch {
    return undefined
  }
}
