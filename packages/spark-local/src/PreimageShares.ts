/**
 * Preimages that wallets gave into the operators' keeping, so that a payment can be taken while
 * the wallet is away: each operator holds a share (Shamir), and a threshold of them knows it.
 */
import { Bolt11, Hex } from "@farthing/protocol"
import { getSparkFrost } from "@buildonspark/spark-sdk"
import { SecretShare } from "@buildonspark/spark-sdk/proto/spark"
import { Effect } from "effect"
import type { Identity } from "./Identity.ts"
import type { Operator } from "./Operator.ts"
import { Refused } from "./Refused.ts"

export type PreimageShares = Effect.Success<ReturnType<typeof make>>

/** By the operator's identifier: its share, encrypted to it (ECIES). */
export type Encrypted = Readonly<Record<string, Uint8Array>>

export const make = (operators: ReadonlyArray<Operator>, threshold: number) =>
  Effect.sync(() => {
    const known = new Map<string, Bolt11.Preimage>()

    const shareOf = (operator: Operator, encrypted: Encrypted) =>
      Effect.tryPromise({
        try: async () => {
          const cipher = encrypted[operator.identifier] ?? new Uint8Array()
          const bytes = await getSparkFrost().decryptEcies(cipher, operator.key.secret)
          const { secretShare } = SecretShare.decode(Uint8Array.from(bytes))
          return { threshold, index: operator.id + 1, share: secretShare }
        },
        catch: () => unreadable
      })

    return {
      find: (owner: Identity, paymentHash: Bolt11.PaymentHash) =>
        known.get(name(owner, paymentHash)),

      /** Refused unless the shares make the preimage of the hash. */
      store: (owner: Identity, paymentHash: Bolt11.PaymentHash, encrypted: Encrypted) =>
        Effect.gen(function* () {
          const shares = yield* Effect.forEach(operators.slice(0, threshold), (operator) =>
            shareOf(operator, encrypted)
          )
          const secret = yield* Effect.tryPromise({
            try: () => getSparkFrost().recoverSecret(shares),
            catch: () => unreadable
          })
          const preimage = Bolt11.Preimage.make(Hex.fromBytes(secret))
          if (Bolt11.hashOf(preimage) !== paymentHash) return yield* unreadable
          known.set(name(owner, paymentHash), preimage)
          return preimage
        })
    }
  })

const name = (owner: Identity, paymentHash: Bolt11.PaymentHash) => `${owner} ${paymentHash}`

const unreadable = new Refused({
  code: "INVALID_ARGUMENT",
  message: "The shares do not make the preimage of the payment hash"
})
