/**
 * What the operators know and agree on: leaves, transfers and HTLCs, and how one becomes the other.
 * They are one here: what Spark spreads over several, of which a threshold must be honest, is
 * kept by all of them together.
 *
 * Every operation either happens whole or is refused and changes nothing.
 */
import { Bolt11, Sat } from "@farthing/protocol"
import { Clock, Effect, PubSub, Schedule, Semaphore } from "effect"
import { randomUUID } from "node:crypto"
import * as Delivery from "./Delivery.ts"
import type { Htlc } from "./Htlc.ts"
import type * as Identity from "./Identity.ts"
import * as Leaf from "./Leaf.ts"
import * as Leaves from "./Leaves.ts"
import type { Operators } from "./Operator.ts"
import * as PreimageShares from "./PreimageShares.ts"
import { Refused } from "./Refused.ts"
import * as Transfer from "./Transfer.ts"

export type Ledger = Effect.Success<ReturnType<typeof make>>

/** Something that its sender and receiver are told. */
export interface Change {
  readonly transfer: Transfer.Transfer
  /** What the transfer is locked to, if it is. */
  readonly htlc: Htlc | undefined
}

export interface Send {
  readonly id: string
  readonly sender: Identity.Identity
  readonly receiver: Identity.Identity
  readonly parcels: ReadonlyArray<Transfer.Parcel>
  readonly sparkInvoice: string
}

export interface Lock extends Omit<Send, "sparkInvoice"> {
  readonly paymentHash: Bolt11.PaymentHash
  /** Unix milliseconds. */
  readonly expiresAt: number
}

export interface Options {
  readonly operators: Operators
  readonly threshold: number
  /** Who exchanges leaves for what it owns elsewhere. */
  readonly serviceProvider: Identity.KeyPair
}

export const make = Effect.fnUntraced(function* ({
  operators,
  serviceProvider,
  threshold
}: Options) {
  const leaves = yield* Leaves.make
  const shares = yield* PreimageShares.make(operators, threshold)
  const transfers = new Map<string, Transfer.Transfer>()
  const htlcs = new Map<string, Htlc>()
  const changes = yield* PubSub.unbounded<Change>()
  const turn = yield* Semaphore.make(1)

  const write = Effect.fnUntraced(function* (
    transfer: Transfer.Transfer,
    to: Partial<Transfer.Transfer> = {}
  ) {
    const updatedAt = yield* Clock.currentTimeMillis
    const written = { ...transfer, ...to, updatedAt }
    transfers.set(written.id, written)
    const htlc = htlcs.get(written.id)
    yield* PubSub.publish(changes, { transfer: written, htlc })
    return written
  })

  const begin = Effect.fnUntraced(function* (
    { id, parcels, receiver, sender }: Omit<Send, "sparkInvoice">,
    terms: Pick<Transfer.Transfer, "kind" | "state" | "expiresAt" | "sparkInvoice">
  ): Effect.fn.Return<Transfer.Transfer, Refused> {
    if (transfers.has(id)) {
      return yield* new Refused({ code: "ALREADY_EXISTS", message: `There is a transfer ${id}` })
    }
    const ids = parcels.map(({ leafId }) => leafId)
    const value = yield* leaves.lock(sender, ids)
    const createdAt = yield* Clock.currentTimeMillis
    return { id, sender, receiver, parcels, value, createdAt, updatedAt: createdAt, ...terms }
  })

  const takeBack = Effect.fnUntraced(function* (transfer: Transfer.Transfer) {
    const ids = Transfer.leafIds(transfer)
    yield* transfer.sender === serviceProvider.identity ? leaves.retire(ids) : leaves.release(ids)
    const htlc = htlcs.get(transfer.id)
    if (htlc !== undefined) htlcs.set(transfer.id, { ...htlc, state: { _tag: "Returned" } })
    yield* write(transfer, { state: "returned" })
  })

  /** The service provider keeps no leaves: it takes their worth. */
  const handOver = Effect.fnUntraced(function* (transfer: Transfer.Transfer) {
    const ids = Transfer.leafIds(transfer)
    if (transfer.receiver === serviceProvider.identity) {
      yield* leaves.retire(ids)
      return yield* write(transfer, { state: "completed" })
    }
    yield* leaves.give(ids, transfer.receiver)
    return yield* write(transfer, { state: "sent" })
  })

  const reveal = Effect.fnUntraced(function* (
    htlc: Htlc,
    transfer: Transfer.Transfer,
    preimage: Bolt11.Preimage
  ) {
    htlcs.set(transfer.id, { ...htlc, state: { _tag: "Revealed", preimage } })
    return yield* handOver(transfer)
  })

  const expire = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const overdue = [...transfers.values()].filter(
      ({ expiresAt, state }) => state === "locked" && expiresAt !== undefined && expiresAt <= now
    )
    yield* Effect.forEach(overdue, takeBack, { discard: true })
  })

  /** One operation after the other, each after what ran out until then. */
  const whole = <A, E, R>(operation: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.andThen(expire, operation).pipe(Effect.uninterruptible, turn.withPermits(1))

  const waiting = (paymentHash: Bolt11.PaymentHash, receiver: Identity.Identity) =>
    [...htlcs.values()].find(
      (htlc) =>
        htlc.paymentHash === paymentHash &&
        htlc.receiver === receiver &&
        htlc.state._tag !== "Returned"
    )

  const lock = Effect.fnUntraced(function* ({ expiresAt, paymentHash, ...send }: Lock) {
    if (waiting(paymentHash, send.receiver) !== undefined) {
      return yield* new Refused({
        code: "ALREADY_EXISTS",
        message: "The receiver is asked for this preimage already"
      })
    }
    const transfer = yield* begin(send, {
      kind: "swap",
      state: "locked",
      expiresAt,
      sparkInvoice: ""
    })
    const htlc: Htlc = {
      paymentHash,
      transferId: transfer.id,
      sender: transfer.sender,
      receiver: transfer.receiver,
      state: { _tag: "Waiting" },
      createdAt: transfer.createdAt
    }
    htlcs.set(transfer.id, htlc)
    const preimage = shares.find(transfer.receiver, paymentHash)
    return preimage === undefined ? yield* write(transfer) : yield* reveal(htlc, transfer, preimage)
  })

  const provide = Effect.fnUntraced(function* (
    preimage: Bolt11.Preimage,
    receiver: Identity.Identity
  ) {
    const htlc = waiting(Bolt11.hashOf(preimage), receiver)
    const transfer = htlc && transfers.get(htlc.transferId)
    if (htlc === undefined || transfer === undefined) {
      return yield* new Refused({
        code: "NOT_FOUND",
        message: "Nothing is locked for the receiver to this preimage"
      })
    }
    return htlc.state._tag === "Revealed" ? transfer : yield* reveal(htlc, transfer, preimage)
  })

  yield* whole(Effect.void).pipe(Effect.repeat(Schedule.spaced("250 millis")), Effect.forkScoped)

  return {
    leaves,
    changes,
    transfers: (): Iterable<Transfer.Transfer> => transfers.values(),
    htlcs: (): Iterable<Htlc> => htlcs.values(),
    findTransfer: (id: string): Transfer.Transfer | undefined => transfers.get(id),
    /** Reads what is true now. */
    read: <A>(answer: () => A): Effect.Effect<A> => whole(Effect.sync(answer)),

    /** New sats, as a transfer of somebody unknown. */
    fund: (receiver: Identity.Identity, amount: Sat.Sat, sender: Identity.KeyPair) =>
      whole(
        Effect.gen(function* () {
          const minted = yield* leaves.issue(sender.identity, Leaf.many(amount))
          const id = randomUUID()
          const parcels = yield* Delivery.pack({ transferId: id, sender, receiver }, minted)
          const transfer = yield* begin(
            { id, sender: sender.identity, receiver, parcels },
            { kind: "plain", state: "locked", expiresAt: undefined, sparkInvoice: "" }
          )
          yield* handOver(transfer)
        })
      ),

    /** A transfer that was sent, for the receiver to claim. */
    send: ({ sparkInvoice, ...send }: Send) =>
      whole(
        Effect.flatMap(
          begin(send, { kind: "plain", state: "sent", expiresAt: undefined, sparkInvoice }),
          handOver
        )
      ),

    /** Locks leaves to a payment hash. What the operators know the preimage of is the receiver's. */
    lock: (request: Lock) => whole(lock(request)),

    /** The same, out of the service provider's vault. */
    lockFromVault: (request: {
      readonly paymentHash: Bolt11.PaymentHash
      readonly receiver: Identity.Identity
      readonly amount: Sat.Sat
      readonly expiresAt: number
    }) =>
      whole(
        Effect.gen(function* () {
          const { amount, ...terms } = request
          const id = randomUUID()
          const sender = serviceProvider
          const minted = yield* leaves.withdraw(sender.identity, Leaf.fewest(amount))
          const address = { transferId: id, sender, receiver: terms.receiver }
          const parcels = yield* Delivery.pack(address, minted)
          return yield* Effect.tapError(
            lock({ ...terms, id, sender: sender.identity, parcels }),
            () => leaves.retire(parcels.map(({ leafId }) => leafId))
          )
        })
      ),

    /** The receiver shows the preimage; what was locked to its hash is the receiver's to claim. */
    provide: (preimage: Bolt11.Preimage, receiver: Identity.Identity) =>
      whole(provide(preimage, receiver)),

    /** The receiver renounces what is locked for it. */
    giveBack: (transferId: string, receiver: Identity.Identity) =>
      whole(
        Effect.gen(function* () {
          const transfer = transfers.get(transferId)
          if (transfer?.state !== "locked" || transfer.receiver !== receiver) {
            return yield* new Refused({
              code: "FAILED_PRECONDITION",
              message: "Nothing is locked for the receiver in this transfer"
            })
          }
          yield* takeBack(transfer)
        })
      ),

    /** From now on the operators show the preimage to whoever locks something to its hash. */
    storeShares: (
      owner: Identity.Identity,
      paymentHash: Bolt11.PaymentHash,
      encrypted: PreimageShares.Encrypted
    ) =>
      whole(
        Effect.gen(function* () {
          const preimage = yield* shares.store(owner, paymentHash, encrypted)
          if (waiting(paymentHash, owner) !== undefined) yield* provide(preimage, owner)
        })
      ),

    /** The receiver's new keys to the leaves of a transfer, which are available from then on. */
    claim: (
      id: string,
      receiver: Identity.Identity,
      keys: ReadonlyArray<
        { readonly leafId: string } & Pick<Leaf.Leaf, "operatorsKey" | "refundTx">
      >
    ) =>
      whole(
        Effect.gen(function* () {
          const transfer = transfers.get(id)
          if (transfer?.state === "completed") {
            return yield* new Refused({ code: "ALREADY_EXISTS", message: "It is claimed already" })
          }
          if (transfer?.state !== "sent" || transfer.receiver !== receiver) {
            return yield* new Refused({
              code: "FAILED_PRECONDITION",
              message: "There is nothing to claim in this transfer"
            })
          }
          const byId = new Map(keys.map((key) => [key.leafId, key]))
          const claimed = Transfer.leafIds(transfer).map((leafId) => byId.get(leafId))
          if (claimed.length !== byId.size || !claimed.every((key) => key !== undefined)) {
            return yield* new Refused({
              code: "INVALID_ARGUMENT",
              message: "A transfer is claimed whole"
            })
          }
          yield* Effect.forEach(claimed, ({ leafId, ...key }) => leaves.claim(leafId, key), {
            discard: true
          })
          return yield* write(transfer, { state: "completed" })
        })
      )
  }
})
