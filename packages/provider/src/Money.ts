/**
 * What becomes of money that our wallet shows: the work for it begins, its result is claimed, or
 * it goes back.
 */
import { UnixTime } from "@farthing/relay"
import type { Wallet } from "@farthing/wallet"
import { Duration, Effect, Option } from "effect"
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
  /** The money for a quote seems to be held. Whether nothing more is to be expected of it. */
  readonly held: (quote: Quote) => Effect.Effect<boolean, BookUnavailable | Wallet.WalletError>
}

export const make = (services: {
  readonly wallet: Wallet.Shape
  readonly workshop: Workshop
  readonly locks: Locks
  readonly options: Pick<Resolved, "jobTimeout">
}): Money => {
  const { locks, options, wallet, workshop } = services

  /** What the wallet answers decides, and not what it has reported. */
  const begin = Effect.fnUntraced(function* (quote: Quote) {
    const found = yield* wallet.lookupIncoming(quote.paymentHash)
    if (Option.isNone(found) || found.value.state !== "held") return false
    const incoming = found.value
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
    held: (quote) => {
      switch (quote.settlement) {
        case "upfront":
          return Effect.succeed(false)
        case "escrow":
          return begin(quote)
        case "sealed":
          return locks.claim(quote.paymentHash)
      }
    }
  }
}
