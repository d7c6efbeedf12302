/**
 * The operators' books, and the steps of which every operation consists. The ledger sees to it that
 * the steps of one operation are not parted.
 */
import { Clock, Effect, PubSub } from "effect"
import type { Htlc } from "./Htlc.ts"
import type { Identity } from "./Identity.ts"
import * as Leaves from "./Leaves.ts"
import { Refused } from "./Refused.ts"
import * as Transfer from "./Transfer.ts"

export type Books = Effect.Success<ReturnType<typeof make>>

/** Something that sender and receiver are told. */
export interface Change {
  readonly transfer: Transfer.Transfer
  /** What the transfer is locked to, if it is. */
  readonly htlc: Htlc | undefined
}

/** What a sender says of a transfer. */
export interface Order {
  /** A UUID that nobody has used. */
  readonly id: string
  readonly sender: Identity
  readonly receiver: Identity
  readonly parcels: ReadonlyArray<Transfer.Parcel>
}

type Terms = Pick<Transfer.Transfer, "kind" | "expiresAt" | "sparkInvoice">

/** The service provider keeps no leaves but for their way: what it is given goes into its vault. */
export const make = Effect.fnUntraced(function* (serviceProvider: Identity) {
  const leaves = yield* Leaves.make
  const transfers = new Map<string, Transfer.Transfer>()
  const locked = new Map<string, Transfer.Transfer>()
  /** By the transfer that is locked. */
  const htlcs = new Map<string, Htlc>()
  const changes = yield* PubSub.unbounded<Change>()

  const write = Effect.fnUntraced(function* (
    transfer: Transfer.Transfer,
    state: Transfer.State,
    htlc?: Htlc
  ) {
    const updatedAt = yield* Clock.currentTimeMillis
    const written = { ...transfer, state, updatedAt }
    transfers.set(written.id, written)
    if (state === "locked") locked.set(written.id, written)
    else locked.delete(written.id)
    if (htlc !== undefined) htlcs.set(written.id, htlc)
    yield* PubSub.publish(changes, { transfer: written, htlc: htlcs.get(written.id) })
    return written
  })

  return {
    leaves,
    transfers,
    /** Those of the transfers that may come back. */
    locked,
    htlcs,
    changes,
    write,

    /** Locks the sender's leaves; the transfer is not written yet. */
    begin: Effect.fnUntraced(function* (
      { id, parcels, receiver, sender }: Order,
      terms: Terms
    ): Effect.fn.Return<Transfer.Transfer, Refused> {
      if (transfers.has(id)) {
        return yield* new Refused({ code: "ALREADY_EXISTS", message: `There is a transfer ${id}` })
      }
      const value = yield* leaves.lock(
        sender,
        parcels.map(({ leafId }) => leafId)
      )
      const now = yield* Clock.currentTimeMillis
      return {
        ...terms,
        id,
        sender,
        receiver,
        parcels,
        value,
        state: "locked",
        createdAt: now,
        updatedAt: now
      }
    }),

    handOver: Effect.fnUntraced(function* (transfer: Transfer.Transfer, htlc?: Htlc) {
      const ids = Transfer.leafIds(transfer)
      if (transfer.receiver === serviceProvider) {
        yield* leaves.retire(ids)
        return yield* write(transfer, "completed", htlc)
      }
      yield* leaves.give(ids, transfer.receiver)
      return yield* write(transfer, "sent", htlc)
    }),

    giveBack: Effect.fnUntraced(function* (transfer: Transfer.Transfer) {
      const ids = Transfer.leafIds(transfer)
      yield* transfer.sender === serviceProvider ? leaves.retire(ids) : leaves.release(ids)
      const htlc = htlcs.get(transfer.id)
      return yield* write(transfer, "returned", htlc && { ...htlc, state: { _tag: "Returned" } })
    })
  }
})
