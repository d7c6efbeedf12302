/**
 * Transfers that are locked to a payment hash. For one receiver and one hash there is one at a time,
 * and never another once its preimage was shown.
 */
import { Bolt11 } from "@farthing/protocol"
import { Clock, Effect } from "effect"
import type { Books, Order } from "./Books.ts"
import type { Htlc } from "./Htlc.ts"
import type { Identity } from "./Identity.ts"
import type { Encrypted, PreimageShares } from "./PreimageShares.ts"
import { Refused } from "./Refused.ts"
import type { Transfer } from "./Transfer.ts"

export interface Lock extends Order {
  readonly paymentHash: Bolt11.PaymentHash
  /** Unix milliseconds. */
  readonly expiresAt: number
}

export const make = (books: Books, shares: PreimageShares) => {
  const current = (paymentHash: Bolt11.PaymentHash, receiver: Identity) =>
    [...books.htlcs.values()].find(
      (htlc) =>
        htlc.paymentHash === paymentHash &&
        htlc.receiver === receiver &&
        htlc.state._tag !== "Returned"
    )

  const reveal = (htlc: Htlc, transfer: Transfer, preimage: Bolt11.Preimage) =>
    books.handOver(transfer, { ...htlc, state: { _tag: "Revealed", preimage } })

  const provide = Effect.fnUntraced(function* (preimage: Bolt11.Preimage, receiver: Identity) {
    const htlc = current(Bolt11.hashOf(preimage), receiver)
    const transfer = htlc && books.transfers.get(htlc.transferId)
    if (htlc === undefined || transfer === undefined) {
      return yield* new Refused({
        code: "NOT_FOUND",
        message: "Nothing is locked for the receiver to this preimage"
      })
    }
    return htlc.state._tag === "Revealed" ? transfer : yield* reveal(htlc, transfer, preimage)
  })

  return {
    /** What the operators know the receiver's preimage of is the receiver's at once. */
    lock: Effect.fnUntraced(function* ({ expiresAt, paymentHash, ...order }: Lock) {
      if (expiresAt <= (yield* Clock.currentTimeMillis)) {
        return yield* new Refused({ code: "INVALID_ARGUMENT", message: "The expiry time is past" })
      }
      if (current(paymentHash, order.receiver) !== undefined) {
        return yield* new Refused({
          code: "ALREADY_EXISTS",
          message: "The receiver is asked for this preimage already"
        })
      }
      const transfer = yield* books.begin(order, { kind: "swap", expiresAt, sparkInvoice: "" })
      const htlc: Htlc = {
        paymentHash,
        transferId: transfer.id,
        sender: transfer.sender,
        receiver: transfer.receiver,
        state: { _tag: "Waiting" },
        createdAt: transfer.createdAt
      }
      const preimage = shares.find(transfer.receiver, paymentHash)
      return preimage === undefined
        ? yield* books.write(transfer, "locked", htlc)
        : yield* reveal(htlc, transfer, preimage)
    }),

    provide,

    renounce: Effect.fnUntraced(function* (transferId: string, receiver: Identity) {
      const transfer = books.transfers.get(transferId)
      if (transfer?.state !== "locked" || transfer.receiver !== receiver) {
        return yield* new Refused({
          code: "FAILED_PRECONDITION",
          message: "Nothing is locked for the receiver in this transfer"
        })
      }
      return yield* books.giveBack(transfer)
    }),

    storeShares: Effect.fnUntraced(function* (
      owner: Identity,
      paymentHash: Bolt11.PaymentHash,
      encrypted: Encrypted
    ) {
      const preimage = yield* shares.store(owner, paymentHash, encrypted)
      if (current(paymentHash, owner) !== undefined) yield* provide(preimage, owner)
    })
  }
}
