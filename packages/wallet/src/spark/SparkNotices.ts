/**
 * Money of ours as it becomes held or settled. The operators are asked for what is open when the
 * wallet's own events say that something moved, and after a while; what anybody learns, in this process
 * or another one, is in the book, and told from there.
 */
import { UnixTime } from "@farthing/relay"
import { Effect, Option, PubSub, Stream } from "effect"
import type { Incoming, WalletError } from "../Wallet.ts"
import type { SdkSession } from "./SdkSession.ts"
import type { ChangeRow, SparkBook } from "./SparkBook.ts"
import { recorded } from "./SparkErrors.ts"
import type { SparkIncoming } from "./SparkIncoming.ts"
import { toIncoming } from "./SparkIncoming.ts"

export interface Options {
  readonly session: SdkSession
  readonly book: SparkBook
  readonly incoming: SparkIncoming
}

/** Between two looks into the book, for what other processes wrote there. */
const bookPause = "1 second"

/** Between two questions to the operators. */
const sweepPause = "3 seconds"

/** For how long after its expiry money for something is looked out for. Seconds. */
const lateness = 3600

export const make = ({
  book,
  incoming,
  session
}: Options): Stream.Stream<Incoming, WalletError> => {
  /** Writes into the book what the operators have by now; if they cannot be asked, the next one does. */
  const sweep = Effect.gen(function* () {
    const now = yield* UnixTime.now
    const open = yield* recorded(book.unfinished(now - lateness))
    yield* incoming.look(open, { asksAll: false })
  }).pipe(
    Effect.catch(({ message }) => Effect.logDebug(`Incoming money was not looked for: ${message}`))
  )

  const sweeps = Effect.gen(function* () {
    const moved = yield* PubSub.subscribe(session.events)
    while (true) {
      yield* sweep
      yield* Effect.timeoutOption(PubSub.take(moved), sweepPause)
    }
  })

  const toNotice = ({ payment_hash, state }: ChangeRow) =>
    Effect.map(recorded(book.incoming(payment_hash)), (row) =>
      row === undefined ? [] : [toIncoming({ ...row, state })]
    )

  return Effect.gen(function* () {
    const woken = yield* PubSub.subscribe(book.changes)
    const newest = yield* recorded(book.newestChange)
    yield* Effect.forkScoped(Effect.scoped(sweeps))
    return Stream.paginate(newest, (last) =>
      Effect.gen(function* () {
        yield* Effect.timeoutOption(PubSub.take(woken), bookPause)
        const rows = yield* recorded(book.changesAfter(last))
        const notices = yield* Effect.forEach(rows, toNotice)
        return [notices.flat(), Option.some(rows.at(-1)?.seq ?? last)] as const
      })
    )
  }).pipe(Stream.unwrap)
}
