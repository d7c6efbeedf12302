/**
 * What can be done at the operators. They are one here: what Spark spreads over several, of which a
 * threshold must be honest, is known by all of them together. Every operation happens whole, or is
 * refused and changes nothing.
 */
import type { Bolt11, Sat } from "@farthing/protocol"
import { Clock, Effect, Schedule, Semaphore } from "effect"
import { randomUUID } from "node:crypto"
import type { Order } from "./Books.ts"
import * as Books from "./Books.ts"
import * as Delivery from "./Delivery.ts"
import type { Htlc } from "./Htlc.ts"
import type { Lock } from "./Htlcs.ts"
import * as Htlcs from "./Htlcs.ts"
import type { Identity, KeyPair } from "./Identity.ts"
import * as Leaf from "./Leaf.ts"
import type { Leaves, Minted } from "./Leaves.ts"
import type { Operators } from "./Operator.ts"
import * as PreimageShares from "./PreimageShares.ts"
import { Refused } from "./Refused.ts"
import * as Transfer from "./Transfer.ts"

export type Ledger = Effect.Success<ReturnType<typeof make>>

export interface Options {
  readonly operators: Operators
  readonly threshold: number
  readonly serviceProvider: KeyPair
}

/** A receiver's new key to a leaf: what is left of the leaf's is the operators'. */
export interface Claim extends Pick<Leaf.Leaf, "operatorsKey" | "refundTx"> {
  readonly leafId: string
}

/** What the service provider locks, for which it keeps no leaves. */
export interface VaultLock extends Omit<Lock, "sender" | "parcels"> {
  readonly amount: Sat.Sat
}

export const make = Effect.fnUntraced(function* (options: Options) {
  const { operators, serviceProvider, threshold } = options
  const books = yield* Books.make(serviceProvider.identity)
  const htlcs = Htlcs.make(books, yield* PreimageShares.make(operators, threshold))
  const { leaves, transfers } = books
  const exchanged = new Map<string, Transfer.Transfer>()

  const returnOverdue = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const overdue = [...books.locked.values()].filter(
      ({ expiresAt }) => expiresAt !== undefined && expiresAt <= now
    )
    yield* Effect.forEach(overdue, books.giveBack, { discard: true })
  })

  const turn = yield* Semaphore.make(1)

  /** One after the other, each after the end of what ran out until then. */
  const whole = <A, E, R>(operation: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.andThen(returnOverdue, operation).pipe(Effect.uninterruptible, turn.withPermits(1))

  /** Leaves that are new, from whoever made them. */
  const order = Effect.fnUntraced(function* (
    sender: KeyPair,
    receiver: Identity,
    minted: Minted,
    id: string = randomUUID()
  ) {
    const parcels = yield* Delivery.pack({ transferId: id, sender, receiver }, minted)
    return { id, sender: sender.identity, receiver, parcels }
  })

  const fund = Effect.fnUntraced(function* (sender: KeyPair, receiver: Identity, amount: Sat.Sat) {
    const minted = yield* leaves.issue(sender.identity, Leaf.several(amount))
    const given = yield* order(sender, receiver, minted)
    yield* Effect.flatMap(books.begin(given, plain), books.handOver)
  })

  const lockFromVault = Effect.fnUntraced(function* ({
    amount,
    id,
    receiver,
    ...terms
  }: VaultLock) {
    const minted = yield* leaves.withdraw(serviceProvider.identity, Leaf.fewest(amount))
    const given = yield* order(serviceProvider, receiver, minted, id)
    return yield* Effect.tapError(htlcs.lock({ ...given, ...terms }), () =>
      leaves.retire(minted.leaves.map(({ id }) => id))
    )
  })

  const offerForExchange = Effect.fnUntraced(function* (given: Order) {
    const expiresAt = (yield* Clock.currentTimeMillis) + exchangeMillis
    const terms = { kind: "exchange", expiresAt, sparkInvoice: "" } as const
    const transfer = yield* books.begin(given, terms)
    return yield* books.write(transfer, "locked")
  })

  const exchange = Effect.fnUntraced(function* (
    offerId: string,
    owner: Identity,
    values: ReadonlyArray<Sat.Sat>
  ) {
    const done = exchanged.get(offerId)
    if (done?.receiver === owner) return done
    const offer = transfers.get(offerId)
    const worth = values.reduce((sum, value) => sum + value, 0)
    if (
      offer?.kind !== "exchange" ||
      offer.state !== "locked" ||
      offer.sender !== owner ||
      offer.value !== worth
    ) {
      return yield* new Refused({
        code: "FAILED_PRECONDITION",
        message: "Nothing of that worth is offered for exchange"
      })
    }
    yield* books.handOver(offer)
    const minted = yield* leaves.withdraw(serviceProvider.identity, values)
    const given = yield* order(serviceProvider, owner, minted)
    const terms = { kind: "change", expiresAt: undefined, sparkInvoice: "" } as const
    const change = yield* Effect.flatMap(books.begin(given, terms), books.handOver)
    exchanged.set(offerId, change)
    return change
  })

  const claim = Effect.fnUntraced(function* (
    id: string,
    receiver: Identity,
    claims: ReadonlyArray<Claim>
  ) {
    const transfer = transfers.get(id)
    if (transfer?.receiver !== receiver || transfer.state === "locked") {
      return yield* new Refused({ code: "NOT_FOUND", message: "There is nothing to claim" })
    }
    if (transfer.state !== "sent") {
      return yield* new Refused({ code: "ALREADY_EXISTS", message: `It is ${transfer.state}` })
    }
    const claimed = new Set(claims.map(({ leafId }) => leafId))
    const ids = Transfer.leafIds(transfer)
    if (claims.length !== ids.length || !ids.every((id) => claimed.has(id))) {
      return yield* new Refused({
        code: "INVALID_ARGUMENT",
        message: "A transfer is claimed whole"
      })
    }
    yield* Effect.forEach(claims, ({ leafId, ...keys }) => leaves.claim(leafId, keys), {
      discard: true
    })
    return yield* books.write(transfer, "completed")
  })

  yield* whole(Effect.void).pipe(Effect.repeat(Schedule.spaced("250 millis")), Effect.forkScoped)

  return {
    changes: books.changes,
    leaves: { find: leaves.find, all: leaves.all, totals: leaves.totals } satisfies Partial<Leaves>,
    transfers: (): ReadonlyArray<Transfer.Transfer> => [...transfers.values()],
    htlcs: (): ReadonlyArray<Htlc> => [...books.htlcs.values()],
    findTransfer: (id: string): Transfer.Transfer | undefined => transfers.get(id),
    findHtlc: (transferId: string): Htlc | undefined => books.htlcs.get(transferId),
    /** Reads what is true now. */
    read: <A>(answer: () => A): Effect.Effect<A> => whole(Effect.sync(answer)),

    /** Sats out of nothing: into the vault, or as a transfer to somebody. */
    issueToVault: (amount: Sat.Sat) => whole(leaves.issueToVault(amount)),
    fund: (sender: KeyPair, receiver: Identity, amount: Sat.Sat) =>
      whole(fund(sender, receiver, amount)),

    /** A transfer for the receiver to claim. */
    send: (given: Order, sparkInvoice: string) =>
      whole(Effect.flatMap(books.begin(given, { ...plain, sparkInvoice }), books.handOver)),
    claim: (id: string, receiver: Identity, claims: ReadonlyArray<Claim>) =>
      whole(claim(id, receiver, claims)),

    lock: (lock: Lock) => whole(htlcs.lock(lock)),
    lockFromVault: (lock: VaultLock) => whole(lockFromVault(lock)),
    /** The receiver shows the preimage; what is locked to its hash is the receiver's. */
    provide: (preimage: Bolt11.Preimage, receiver: Identity) =>
      whole(htlcs.provide(preimage, receiver)),
    /** The receiver gives back what is locked for it. */
    renounce: (transferId: string, receiver: Identity) =>
      whole(htlcs.renounce(transferId, receiver)),
    /** From now on the operators show the preimage to whoever locks something to its hash. */
    storeShares: (
      owner: Identity,
      paymentHash: Bolt11.PaymentHash,
      encrypted: PreimageShares.Encrypted
    ) => whole(htlcs.storeShares(owner, paymentHash, encrypted)),

    /** Locks leaves for which the service provider may give others of the same worth, soon. */
    offerForExchange: (given: Order) => whole(offerForExchange(given)),
    /** The service provider's part, once for an offer: the other leaves, for their owner to claim. */
    exchange: (offerId: string, owner: Identity, values: ReadonlyArray<Sat.Sat>) =>
      whole(exchange(offerId, owner, values))
  }
})

const plain = { kind: "plain", expiresAt: undefined, sparkInvoice: "" } as const

const exchangeMillis = 60_000
