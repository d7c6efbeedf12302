/** Leaves on their way from one owner to another. */
import type { Sat } from "@farthing/protocol"
import type { Identity } from "./Identity.ts"

/**
 * `swap`: only for whoever knows a preimage. `exchange`: leaves that the service provider is to
 * give others for, which are the `change`.
 */
export type Kind = "plain" | "swap" | "exchange" | "change"

/**
 * `locked` until a preimage is shown; `sent`: the receiver's, to be claimed; `completed`: claimed;
 * `returned` to the sender.
 */
export type State = "locked" | "sent" | "completed" | "returned"

/** A leaf, and its secret for the receiver alone. */
export interface Parcel {
  readonly leafId: string
  /** The leaf's key, encrypted to the receiver's identity (ECIES). */
  readonly secretCipher: Uint8Array
  /** The sender's, over sha256(leaf id ‖ transfer id ‖ cipher); compact ECDSA. */
  readonly signature: Uint8Array
}

export interface Transfer {
  /** A UUID that the sender chose. */
  readonly id: string
  readonly kind: Kind
  readonly state: State
  readonly sender: Identity
  readonly receiver: Identity
  readonly parcels: ReadonlyArray<Parcel>
  readonly value: Sat.Sat
  /** Unix milliseconds. */
  readonly createdAt: number
  readonly updatedAt: number
  /** From when on what is still locked returns to the sender. */
  readonly expiresAt: number | undefined
  /** The Spark invoice that it pays; empty if none. */
  readonly sparkInvoice: string
}

export const leafIds = (transfer: Transfer): ReadonlyArray<string> =>
  transfer.parcels.map(({ leafId }) => leafId)
