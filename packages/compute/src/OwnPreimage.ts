/**
 * The secret that takes what we lock for a job: one for each provider and attempt. Whoever has our
 * key and the signed request, by its salt, has it again.
 */
import { Bolt11, Hex, type Channel, type Key } from "@farthing/protocol"
import type { Signer } from "@farthing/relay"
import { Effect, Redacted } from "effect"
import { hkdfSync } from "node:crypto"
import type { OwnPreimage } from "./Job.ts"

const purpose = "farthing/escrow/1"

/** HKDF-SHA256 (RFC 5869) of what we alone know. */
export const derive = (
  signer: Signer.Shape,
  job: { readonly provider: Key.PublicKey; readonly salt: Channel.Salt }
): Effect.Effect<OwnPreimage> =>
  // A key of our own is one to speak with.
  Effect.map(Effect.orDie(signer.conversationKey(signer.publicKey)), (key) => {
    const provider = Hex.toBytes(job.provider)
    const info = Buffer.from(`${purpose}${job.salt}`)
    const bytes = hkdfSync("sha256", Redacted.value(key), provider, info, 32)
    return Redacted.make(Bolt11.Preimage.make(Hex.fromBytes(new Uint8Array(bytes))))
  })

export const hashOf = (preimage: OwnPreimage): Bolt11.PaymentHash =>
  Bolt11.hashOf(Redacted.value(preimage))
