/** The secrets of a bank: a seed that the book keeps, and the keys that follow from it. */
import type { Key } from "@farthing/protocol"
import { Hex } from "@farthing/protocol"
import { Effect, Redacted } from "effect"
import { createHmac, randomBytes } from "node:crypto"

/** 32 bytes nobody can guess, in hex. */
export const randomSecret: Effect.Effect<string> = Effect.sync(() => Hex.fromBytes(randomBytes(32)))

/** HMAC-SHA256 of the label under the seed: a valid secp256k1 key but for one in 2^128. */
export const derive = (seed: Redacted.Redacted<string>, label: string): Key.SecretKey =>
  Redacted.make(
    createHmac("sha256", Hex.toBytes(Redacted.value(seed)))
      .update(label)
      .digest("hex")
  )
