/** Everything that a Spark wallet asked for, paid, and moved without either. */
import { UnixTime } from "@farthing/relay"
import { Effect, Option, Stream } from "effect"
import type { Transactions, Transfer } from "../Wallet.ts"
import type { SdkSession } from "./SdkSession.ts"
import type { SparkBook } from "./SparkBook.ts"
import { recorded, told } from "./SparkErrors.ts"
import type { SparkIncoming } from "./SparkIncoming.ts"
import type { SparkMemory } from "./SparkMemory.ts"
import type { SparkOutgoing } from "./SparkOutgoing.ts"
import type * as Swap from "./Swap.ts"

export interface Options {
  readonly session: SdkSession
  readonly book: SparkBook
  readonly memory: SparkMemory
  readonly incoming: SparkIncoming
  readonly outgoing: SparkOutgoing
}

export interface Range {
  readonly since?: number
  readonly limit?: number
}

export const make = ({ book, incoming, memory, outgoing, session }: Options) => {
  const pages = (since: number) =>
    Stream.paginate(0, (offset) =>
      Effect.map(told(session.transfers({ limit: pageSize, offset })), (transfers) => [
        transfers,
        Option.liftPredicate(
          offset + pageSize,
          () => transfers.length === pageSize && transfers.every((it) => secondOf(it) >= since)
        )
      ])
    )

  const listTransfers = (since: number, limit: number) =>
    pages(since).pipe(
      Stream.filter((it) => it.stage !== "returned" && secondOf(it) >= since),
      Stream.take(limit),
      Stream.map((it): Transfer => ({
        id: it.transferId,
        direction: it.receiver === session.identity ? "in" : "out",
        amount: it.value,
        createdAt: secondOf(it)
      })),
      Stream.runCollect
    )

  return Effect.fnUntraced(function* ({ limit = most, since = 0 }: Range = {}) {
    yield* memory.recall
    const rows = yield* recorded(book.listIncoming(since, limit))
    return {
      incoming: yield* incoming.look(rows, { asksAll: false }),
      outgoing: yield* outgoing.list(since, limit),
      transfers: yield* listTransfers(since, limit)
    } satisfies Transactions
  })
}

const pageSize = 100

const most = Number.MAX_SAFE_INTEGER

const secondOf = ({ createdAt }: Swap.Transfer): number => UnixTime.fromMillis(createdAt)
