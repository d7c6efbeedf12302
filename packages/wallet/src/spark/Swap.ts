/** Leaves that are locked to a payment hash, or were, as the operators tell it. */
import type {
  PreimageRequestWithTransfer,
  Transfer as TransferMessage
} from "@buildonspark/spark-sdk/proto/spark"
import { Bolt11, Hex, Msat, Sat } from "@farthing/protocol"
import { Option, Schema } from "effect"

export interface Swap extends Transfer {
  readonly paymentHash: Bolt11.PaymentHash
  readonly state: SwapState
}

export type SwapState =
  /** Until the transfer expires. */
  | { readonly _tag: "Waiting" }
  /** The receiver has shown the preimage; none while the operators do not say it. */
  | { readonly _tag: "Shown"; readonly preimage: Option.Option<Bolt11.Preimage> }
  | { readonly _tag: "Returned" }

export interface Transfer {
  readonly transferId: string
  /** Identity keys, 33 bytes in hex. */
  readonly sender: string
  readonly receiver: string
  readonly value: Msat.Msat
  /** `sent` can be claimed by the receiver. */
  readonly stage: "locked" | "sent" | "claimed" | "returned"
  /** Unix milliseconds. */
  readonly createdAt: number
  readonly updatedAt: number
  readonly expiresAt: Option.Option<number>
}

/** Whoever shows nothing that hashes to the hash has shown nothing. */
export const fromMessage = ({
  paymentHash,
  preimage,
  status,
  transfer
}: PreimageRequestWithTransfer): Option.Option<Swap> => {
  const hash = hashOf(paymentHash)
  if (Option.isNone(hash) || transfer === undefined) return Option.none()
  return Option.map(transferOf(transfer), (locked) => ({
    ...locked,
    paymentHash: hash.value,
    state: stateOf(status, proofOf(hash.value, preimage))
  }))
}

export const transferOf = (message: TransferMessage): Option.Option<Transfer> => {
  if (!Sat.is(message.totalValue)) return Option.none()
  const createdAt = message.createdTime?.getTime() ?? 0
  return Option.some({
    transferId: message.id,
    sender: Hex.fromBytes(message.senderIdentityPublicKey),
    receiver: Hex.fromBytes(message.receiverIdentityPublicKey),
    value: Sat.toMsat(message.totalValue),
    stage: stageOf(message),
    createdAt,
    updatedAt: message.updatedTime?.getTime() ?? createdAt,
    expiresAt: Option.map(Option.fromUndefinedOr(message.expiryTime), (date) => date.getTime())
  })
}

/** What counts of several swaps of one hash: there is at most one that is not returned. */
export const foremost = (swaps: ReadonlyArray<Swap>): Option.Option<Swap> =>
  Option.fromUndefinedOr(
    swaps.toSorted(
      (a, b) => weights[b.state._tag] - weights[a.state._tag] || b.createdAt - a.createdAt
    )[0]
  )

const weights = { Shown: 2, Waiting: 1, Returned: 0 } as const

/** By the numbers of the protocol (`TransferStatus`); any other is locked. */
export const stageOf = ({ status }: Pick<TransferMessage, "status">): Transfer["stage"] =>
  stages[status] ?? "locked"

const stages: Readonly<Record<number, Transfer["stage"]>> = {
  2: "sent",
  3: "sent",
  4: "sent",
  5: "claimed",
  6: "returned",
  7: "returned",
  9: "sent",
  10: "sent"
}

/** By the numbers of the protocol (`PreimageRequestStatus`). */
const stateOf = (status: number, preimage: Option.Option<Bolt11.Preimage>): SwapState => {
  switch (status) {
    case 1:
      return { _tag: "Shown", preimage }
    case 2:
      return { _tag: "Returned" }
    default:
      return { _tag: "Waiting" }
  }
}

const hashOf = (bytes: Uint8Array) => Schema.decodeOption(Bolt11.PaymentHash)(Hex.fromBytes(bytes))

export const proofOf = (
  paymentHash: Bolt11.PaymentHash,
  preimage: Uint8Array | undefined
): Option.Option<Bolt11.Preimage> =>
  Schema.decodeOption(Bolt11.Preimage)(Hex.fromBytes(preimage ?? new Uint8Array())).pipe(
    Option.filter((it) => Bolt11.hashOf(it) === paymentHash)
  )
