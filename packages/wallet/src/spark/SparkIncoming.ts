/**
 * What became of the money that was asked for, as the operators have it. Nothing counts that the
 * service provider alone says, or that falls short of the amount.
 *
 * Spark has no way to give locked money back: what is cancelled is not taken any more, and returns to
 * its payer when its lock ends.
 */
import { Bolt11 } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Array as Arr, Effect, Option } from "effect"
import type { Incoming, WalletError } from "../Wallet.ts"
import type { SdkSession } from "./SdkSession.ts"
import type { IncomingRow, SparkBook } from "./SparkBook.ts"
import { recorded, refused, told } from "./SparkErrors.ts"
import type { SparkMemory } from "./SparkMemory.ts"
import type { Swap, Transfer } from "./Swap.ts"
import { foremost } from "./Swap.ts"

export interface Options {
  readonly session: SdkSession
  readonly book: SparkBook
  readonly memory: SparkMemory
}

export type SparkIncoming = ReturnType<typeof make>

export const make = ({ book, memory, session }: Options) => {
  /**
   * What became of these by now, as far as they are not settled or cancelled for good. Without `asksAll`
   * nobody is asked for one invoice alone, nor for what expired long ago.
   */
  const look = Effect.fnUntraced(function* (
    rows: ReadonlyArray<IncomingRow>,
    { asksAll }: { readonly asksAll: boolean }
  ) {
    const now = yield* UnixTime.now
    const asked = rows.filter((row) => isOpen(row) && (asksAll || !isLongGone(row, now)))
    const swaps = yield* receivedAll(asked)
    return yield* Effect.forEach(rows, (row) => {
      if (!isOpen(row)) return Effect.succeed(toIncoming(row))
      const fitting = swaps.filter(
        (it) => it.paymentHash === row.payment_hash && it.value >= row.amount
      )
      return Option.match(foremost(fitting), {
        onNone: () => (asksAll ? byServiceProvider(row, now) : Effect.succeed(idle(row, now))),
        onSome: (swap) => bySwap(row, swap)
      })
    })
  })

  /** The operators answer for so many at once. */
  const receivedAll = (rows: ReadonlyArray<IncomingRow>) =>
    Effect.map(
      Effect.forEach(Arr.chunksOf(rows, hashesPerQuery), (some) =>
        told(session.received(some.map((row) => row.payment_hash)))
      ),
      (found) => found.flat()
    )

  const bySwap = Effect.fnUntraced(function* (
    row: IncomingRow,
    swap: Swap
  ): Effect.fn.Return<Incoming, WalletError> {
    switch (swap.state._tag) {
      case "Waiting": {
        // The operators know the preimage of an ordinary invoice: nobody waits for us.
        if (row.kind === "invoice") return pending(row)
        const held_until = Option.getOrNull(Option.map(swap.expiresAt, UnixTime.fromMillis))
        yield* recorded(book.markHeld(row.payment_hash, held_until))
        return toIncoming({ ...row, state: "held", held_until })
      }
      case "Shown":
        return yield* taken(row, swap)
      case "Returned":
        return toIncoming({ ...row, state: "cancelled" })
    }
  })

  /** Ours for good; settled once it is claimed. */
  const taken = Effect.fnUntraced(function* (row: IncomingRow, transfer: Transfer) {
    if (!(yield* isClaimed(transfer))) return pending(row)
    const settlement = {
      settled_at: UnixTime.fromMillis(transfer.updatedAt),
      transfer_id: transfer.transferId
    }
    yield* recorded(book.markSettled(row.payment_hash, settlement))
    return toIncoming({ ...row, state: "settled", ...settlement })
  })

  /** What cannot be claimed now is claimed with the next look. */
  const isClaimed = Effect.fnUntraced(function* ({ stage, transferId }: Transfer) {
    if (stage === "claimed") return true
    yield* Effect.ignore(session.claimPending, { log: "Debug" })
    const claimed = yield* told(session.findTransfer(transferId))
    return Option.exists(claimed, (it) => it.stage === "claimed")
  })

  /**
   * Where the operators have no swap to the hash: the service provider names the transfer, and the
   * operators say what that is. One transfer settles one invoice.
   */
  const byServiceProvider = Effect.fnUntraced(function* (row: IncomingRow, now: number) {
    if (row.kind === "hold" || row.request_id === null) return idle(row, now)
    const request = yield* told(session.findReceive(row.request_id))
    const transferId = Option.flatMapNullishOr(request, (it) => it.transferId)
    if (Option.isNone(transferId)) return idle(row, now)
    const other = yield* recorded(book.settledBy(transferId.value))
    const transfer = yield* told(session.findTransfer(transferId.value))
    return other === undefined && Option.isSome(transfer) && pays(transfer.value, row)
      ? yield* taken(row, transfer.value)
      : idle(row, now)
  })

  const pays = (transfer: Transfer, row: IncomingRow): boolean =>
    transfer.receiver === session.identity &&
    transfer.value >= row.amount &&
    UnixTime.fromMillis(transfer.createdAt) >= row.created_at &&
    (transfer.stage === "sent" || transfer.stage === "claimed")

  const lookUp = Effect.fnUntraced(function* (paymentHash: Bolt11.PaymentHash) {
    const row = yield* memory.find(paymentHash)
    if (Option.isNone(row)) return Option.none()
    return Arr.head(yield* look([row.value], { asksAll: true }))
  })

  /** Takes the money by showing the preimage; once it is ours, doing so again changes nothing. */
  const settle = Effect.fnUntraced(function* (preimage: Bolt11.Preimage) {
    const paymentHash = Bolt11.hashOf(preimage)
    const row = Option.getOrUndefined(yield* memory.find(paymentHash))
    if (row === undefined) return yield* refused("NOT_FOUND", unknown)
    const [incoming] = yield* look([row], { asksAll: false })
    if (incoming?.state === "settled") return
    const now = yield* UnixTime.now
    if (incoming?.state !== "held" || Option.exists(incoming.heldUntil, (until) => until <= now)) {
      return yield* refused("OTHER", `What is to be settled is ${incoming?.state ?? "unknown"}`)
    }
    if (!(yield* recorded(book.markShown(paymentHash)))) return yield* refused("OTHER", cancelled)
    yield* Effect.catch(told(session.claimHtlc(preimage)), (error) =>
      Effect.flatMap(look([row], { asksAll: false }), ([now]) =>
        now?.state === "settled" ? Effect.void : Effect.fail(error)
      )
    )
    yield* look([row], { asksAll: false })
  })

  const cancel = Effect.fnUntraced(function* (paymentHash: Bolt11.PaymentHash) {
    const row = Option.getOrUndefined(yield* memory.find(paymentHash))
    if (row === undefined) return yield* refused("NOT_FOUND", unknown)
    if (row.kind !== "hold" && row.kind !== "htlc") {
      return yield* refused("OTHER", "It is not a hold invoice")
    }
    if (!(yield* recorded(book.markCancelled(paymentHash)))) {
      return yield* refused("OTHER", "Its preimage was shown: it cannot be cancelled any more")
    }
  })

  return { look, lookUp, settle, cancel } as const
}

const unknown = "This wallet never asked for money under that payment hash"

const cancelled = "It is cancelled"

/** How many hashes the operators are asked for at once. */
const hashesPerQuery = 100

/** Nobody pays an invoice a day after its expiry. */
const isLongGone = ({ expires_at, state }: IncomingRow, now: number): boolean =>
  state === "open" && expires_at + 86_400 < now

/** What may still change by what others do. */
const isOpen = ({ state }: IncomingRow): boolean => state !== "settled" && state !== "cancelled"

const states = {
  open: "pending",
  held: "held",
  shown: "held",
  settled: "settled",
  cancelled: "cancelled"
} as const

/** What the row says, which the operators may know better. */
export const toIncoming = (row: Omit<IncomingRow, "seq" | "transfer_id">): Incoming => ({
  paymentHash: row.payment_hash,
  bolt11: row.bolt11,
  amount: row.amount,
  state: states[row.state],
  heldUntil: states[row.state] === "held" ? Option.fromNullOr(row.held_until) : Option.none(),
  createdAt: row.created_at,
  settledAt: row.state === "settled" ? Option.fromNullOr(row.settled_at) : Option.none()
})

/** Nothing can be taken yet, or any more. */
const pending = (row: IncomingRow): Incoming => toIncoming({ ...row, state: "open" })

const idle = (row: IncomingRow, now: number): Incoming => ({
  ...pending(row),
  state: row.expires_at <= now ? "expired" : "pending"
})
