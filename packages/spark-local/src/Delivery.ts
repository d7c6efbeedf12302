/** Packs leaves for their receiver, as the sender's wallet does it elsewhere. */
import { getSparkFrost } from "@buildonspark/spark-sdk"
import { Secp256k1 } from "@farthing/protocol"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import * as Identity from "./Identity.ts"
import type { Minted } from "./Leaves.ts"
import type { Parcel } from "./Transfer.ts"

export interface Address {
  readonly transferId: string
  readonly sender: Identity.KeyPair
  readonly receiver: Identity.Identity
}

export const pack = (
  { receiver, sender, transferId }: Address,
  { key, leaves }: Minted
): Effect.Effect<ReadonlyArray<Parcel>> =>
  Effect.map(
    Effect.promise(() => getSparkFrost().encryptEcies(key.secret, Identity.toBytes(receiver))),
    (cipher) => {
      const secretCipher = Uint8Array.from(cipher)
      return leaves.map(({ id }) => {
        const digest = createHash("sha256").update(id).update(transferId).update(secretCipher)
        const { signature } = Secp256k1.ecdsaSign(digest.digest(), sender.secret)
        return { leafId: id, secretCipher, signature }
      })
    }
  )
