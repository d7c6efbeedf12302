/**
 * What becomes of money that our wallet shows: the work for it begins, its result is claimed, or
 * it goes back.
 */
import { UnixTime } from "@farthing/relay"
import type { Wallet } from "@farthing/wallet"
import { Duration, Effect } from "effect"
import * as Lock from "./Lock.ts"
import type { Locks } from "./Locks.ts"
import type { BookUnavailable } from "./ProviderBook.ts"
import type { Resolved } from "./ProviderOptions.ts"
import type { Quote } from "./Till.ts"
import type { Workshop } from "./Workshop.ts"

export interface Money {
  /** An invoice is settled, of a quote that this process may not know. */
  readonly settled: (
    paymentHash: Wallet.Incoming["paymentHash"]
  ) => Effect.Effect<void, BookUnavailable>
  /** The money for a quote is held. Whether nothing more is to be expected of it. */
  readonly held: (
    quote: Quote,
    incoming: Wallet.Incoming
  ) => Effect.Effect<boolean, BookUnavailable>
}

export const make = (services: {
  readonly workshop: Workshop
  readonly locks: Locks
  readonly options: Pick<Resolved, "jobTimeout">
}): Money => {
  const { locks, options, workshop } = services

  const begin = Effect.fnUntraced(function* (quote: Quote, incoming: Wallet.Incoming) {
    const objection = Lock.objectionTo(incoming, {
      amount: quote.amount,
      now: yield* UnixTime.now,
      jobTimeout: Duration.toSeconds(options.jobTimeout)
    })
    yield* objection === undefined
      ? workshop.take(quote.paymentHash, Lock.endOf(incoming))
      : workshop.giveBack(quote, objection)
    return true
  })

  return {
    settled: (paymentHash) => workshop.take(paymentHash),
    held: (quote, incoming) => {
      switch (quote.settlement) {
        case "upfront":
          return Effect.succeed(false)
        case "escrow":
          return begin(quote, incoming)
        case "sealed":
          return locks.claim(quote.paymentHash)
      }
    }
  }
}
