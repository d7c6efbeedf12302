/** What became of the money that was locked to a payment hash, as the operators have it. */
import { Bolt11, Hex, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Option, Result, Stream } from "effect"
import type { Outgoing, WalletError } from "../Wallet.ts"
import type { SdkSession, Send } from "./SdkSession.ts"
import type { OutgoingRow, SparkBook } from "./SparkBook.ts"
import { recorded, told } from "./SparkErrors.ts"
import type { Swap } from "./Swap.ts"
import { foremost, proofOf } from "./Swap.ts"

export interface Options {
  readonly session: SdkSession
  readonly book: SparkBook
}

export type SparkOutgoing = ReturnType<typeof make>

export const make = ({ book, session }: Options) => {
  const isToLightning = ({ receiver }: Swap): boolean => receiver === session.serviceProvider

  /** What is or was locked to the hash; none if nothing ever was. */
  const find = Effect.fnUntraced(function* (
    paymentHash: Bolt11.PaymentHash
  ): Effect.fn.Return<Option.Option<Swap>, WalletError> {
    const swaps = yield* told(session.sent([paymentHash]))
    const swap = foremost(swaps.filter((it) => it.paymentHash === paymentHash))
    const found = Option.isSome(swap) ? swap : yield* byTransfer(paymentHash)
    return Option.isSome(found) ? Option.some(yield* proven(found.value)) : Option.none()
  })

  /** Where the operators do not tell by the hash: what we have recorded before we locked it. */
  const byTransfer = Effect.fnUntraced(function* (paymentHash: Bolt11.PaymentHash) {
    const [row] = yield* recorded(book.outgoing([paymentHash]))
    if (row === undefined) return Option.none()
    const transfer = yield* told(session.findTransfer(row.transfer_id))
    return Option.map(transfer, (it): Swap => ({
      ...it,
      paymentHash,
      state: statesByStage[it.stage]
    }))
  })

  /** Whom the operators tell no preimage, the service provider may. Only its hash makes it one. */
  const proven = Effect.fnUntraced(function* (swap: Swap) {
    if (swap.state._tag !== "Shown" || Option.isSome(swap.state.preimage)) return swap
    if (!isToLightning(swap)) return swap
    const [send] = yield* told(session.sendsOf([swap.transferId]))
    const preimage = proofOf(swap.paymentHash, Hex.toBytes(send?.preimage ?? ""))
    return { ...swap, state: { _tag: "Shown", preimage } } satisfies Swap
  })

  /** What the book has of these, or else what the service provider remembers. */
  const describe = Effect.fnUntraced(function* (swaps: ReadonlyArray<Swap>) {
    const rows = yield* recorded(book.outgoing(swaps.map(({ paymentHash }) => paymentHash)))
    const known = new Map(rows.map((row) => [row.payment_hash, row]))
    const strange = swaps.filter((swap) => !known.has(swap.paymentHash) && isToLightning(swap))
    const sends = yield* told(session.sendsOf(strange.map(({ transferId }) => transferId)))
    const remembered = new Map(sends.map((send) => [send.transferId, termsOf(send)]))
    return swaps.map((swap) => {
      const terms = known.get(swap.paymentHash) ?? remembered.get(swap.transferId)
      return toOutgoing(swap, terms ?? (isToLightning(swap) ? undefined : free(swap)))
    })
  })

  /** Everything that was ever locked, in the operators' order. */
  const all = Stream.paginate(0, (offset) =>
    Effect.map(told(session.allSent({ limit: pageSize, offset })), (swaps) => [
      swaps.filter(({ sender }) => sender === session.identity),
      Option.liftPredicate(offset + pageSize, () => swaps.length === pageSize)
    ])
  )

  return {
    find,
    isToLightning,

    lookUp: Effect.fnUntraced(function* (paymentHash: Bolt11.PaymentHash) {
      const swap = yield* find(paymentHash)
      return Option.fromUndefinedOr((yield* describe(Option.toArray(swap)))[0])
    }),

    /** Newest first. */
    list: Effect.fnUntraced(function* (since: number, limit: number) {
      const swaps = yield* Stream.runCollect(all)
      const wanted = swaps
        .filter(({ createdAt }) => UnixTime.fromMillis(createdAt) >= since)
        .toSorted((a, b) => b.createdAt - a.createdAt)
        .slice(0, limit)
      return yield* describe(wanted)
    })
  } as const
}

/** What was to be paid, apart from its fee. */
type Terms = Pick<OutgoingRow, "amount" | "bolt11">

const pageSize = 100

const statesByStage = {
  locked: { _tag: "Waiting" },
  sent: { _tag: "Shown", preimage: Option.none() },
  claimed: { _tag: "Shown", preimage: Option.none() },
  returned: { _tag: "Returned" }
} as const

/** An HTLC costs no fee. */
const free = ({ value }: Swap): Terms => ({ amount: value, bolt11: "" })

const termsOf = ({ bolt11 }: Send): Terms | undefined => {
  const amount = Option.flatMap(Result.getSuccess(Bolt11.decode(bolt11)), (it) => it.amount)
  return Option.isSome(amount) ? { amount: amount.value, bolt11 } : undefined
}

/** What is under way counts as pending also where a preimage is said to be known, but not shown. */
const toOutgoing = (swap: Swap, terms: Terms | undefined): Outgoing => {
  const { createdAt, paymentHash, state, updatedAt, value } = swap
  const preimage = state._tag === "Shown" ? state.preimage : Option.none()
  return {
    paymentHash,
    bolt11: terms?.bolt11 ?? "",
    amount: terms?.amount ?? value,
    state: state._tag === "Returned" ? "failed" : Option.isSome(preimage) ? "settled" : "pending",
    fee: Option.map(Option.fromUndefinedOr(terms), ({ amount }) => Msat.left(value, amount)),
    preimage,
    createdAt: UnixTime.fromMillis(createdAt),
    settledAt: Option.as(preimage, UnixTime.fromMillis(updatedAt))
  }
}
