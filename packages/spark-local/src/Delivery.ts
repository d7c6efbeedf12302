/** Packs leaves for their receiver, as a wallet of the service provider would. */
import { secp256k1 } from "@noble/curves/secp256k1.js"
import { getSparkFrost } from "@buildonspark/spark-sdk"
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
  minted: ReadonlyArray<Minted>
): Effect.Effect<ReadonlyArray<Parcel>> =>
  Effect.forEach(minted, ({ key, leaf }) =>
    Effect.map(
      Effect.promise(() => getSparkFrost().encryptEcies(key.secret, Identity.toBytes(receiver))),
      (cipher) => {
        const secretCipher = Uint8Array.from(cipher)
        const digest = createHash("sha256")
          .update(leaf.id)
          .update(transferId)
          .update(secretCipher)
          .digest()
        const signature = secp256k1.sign(digest, sender.secret, { prehash: false })
        return { leafId: leaf.id, secretCipher, signature }
      }
    )
  )
