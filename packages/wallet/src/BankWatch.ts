/**
 * What happens in a bank's book, as it happens: whoever waits is woken by what this process
 * commits at once, and by what another process commits after a short while.
 */
import type { Bolt11 } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import type { Duration } from "effect"
import { Effect, Option, PubSub, Schedule, Stream } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { Change } from "./Bank.ts"
import * as BankPayments from "./BankPayments.ts"
import * as BankStore from "./BankStore.ts"

export const make = Effect.fnUntraced(function* (
  store: BankStore.BankStore,
  sql: SqlClient.SqlClient,
  lookAround: Duration.Input
) {
  // One signal is enough, however much happened: whoever is woken reads the book.
  const wakes = yield* PubSub.sliding<true>(1)
  const wake = PubSub.publish(wakes, true)

  /** Ends locks that ran out and notices what other processes wrote. */
  const look = Effect.fnUntraced(function* (seen: number) {
    const now = yield* UnixTime.now
    if ((yield* store.overdue(now)).length > 0) {
      yield* sql.withTransaction(BankPayments.releaseOverdue(store, now))
    }
    const newest = yield* store.newestChange
    if (newest > seen) yield* wake
    return newest
  })

  let seen = 0
  yield* Effect.suspend(() => look(seen)).pipe(
    Effect.map((newest) => {
      seen = newest
    }),
    Effect.catchCause((cause) => Effect.logWarning("The book could not be read", cause)),
    Effect.repeat(Schedule.spaced(lookAround)),
    Effect.forkScoped
  )

  /** Waits until a held payment is settled or has failed. */
  const outcome = Effect.fnUntraced(function* (paymentHash: Bolt11.PaymentHash) {
    const woken = yield* PubSub.subscribe(wakes)
    let payment = yield* store.payment(paymentHash)
    while (payment?.state === "pending") {
      yield* PubSub.take(woken)
      payment = yield* store.payment(paymentHash)
    }
    return payment
  }, Effect.scoped)

  const changes = (account: string): Stream.Stream<Change, SqlError.SqlError> =>
    Effect.gen(function* () {
      const woken = yield* PubSub.subscribe(wakes)
      const newest = yield* store.newestChange
      return Stream.paginate(newest, (last) =>
        Effect.gen(function* () {
          yield* PubSub.take(woken)
          const rows = yield* store.changesAfter(account, last)
          const now = yield* UnixTime.now
          const news = yield* Effect.forEach(rows, (row) => toChange(store, row, now))
          return [news.flat(), Option.some(rows.at(-1)?.seq ?? last)] as const
        })
      )
    }).pipe(Stream.unwrap)

  return { wake, outcome, changes }
})

/** A change tells the state of its own moment, which may have passed. */
const toChange = Effect.fnUntraced(function* (
  store: BankStore.BankStore,
  row: BankStore.ChangeRow,
  now: number
): Effect.fn.Return<ReadonlyArray<Change>, SqlError.SqlError> {
  if (row.direction === "outgoing") {
    const payment = yield* store.payment(row.payment_hash)
    return payment === undefined
      ? []
      : [{ _tag: "Outgoing", outgoing: BankStore.toPayment(payment) }]
  }
  const invoice = yield* store.invoice(row.payment_hash)
  return invoice === undefined
    ? []
    : [
        {
          _tag: "Incoming",
          incoming: BankStore.toInvoice({ ...invoice, state: row.state }, now)
        }
      ]
})
