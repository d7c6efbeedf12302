/** Money locked to a hash: taken by whoever shows the preimage in time, or back by itself. */
import { Treasury } from "@farthing/budget"
import * as LockLife from "@farthing/budget/LockLife"
import { PaymentRequest } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Clock, Effect } from "effect"
import { logged } from "./Bookkeeping.ts"
import { insist } from "./Insisting.ts"
import type { Answer } from "./JobTransport.ts"
import { Journal } from "./Journal.ts"
import { askedFor, nameOf, type Offer } from "./Negotiation.ts"
import * as Paying from "./Paying.ts"
import { type Purchase, stage } from "./Purchase.ts"

/** A lock that stands, and since when. */
export interface Locked extends Treasury.Lock {
  /** Unix milliseconds. */
  readonly at: number
  /** Unix seconds: from then on nobody may count on it. */
  readonly until: number
  /** What came before the lock. */
  readonly early: ReadonlyArray<Answer>
}

/** When a lock ends that began at a unix second: its payee may count on no more. */
export const endOf = (asked: PaymentRequest.PaymentRequest, begun: number): number =>
  begun + LockLife.leastOf(asked)

/** Notes what is asked for, locks the money, and tells the provider. */
export const lock = (purchase: Purchase, offer: Offer) =>
  stage(
    purchase,
    "pay",
    `locking ${offer.amount} msat for ${nameOf(offer.provider)}`,
    Effect.gen(function* () {
      const journal = yield* Journal
      const treasury = yield* Treasury.Treasury
      const early = yield* Paying.begin(offer)
      const payment = treasury.lock(Paying.lockOf(purchase, offer))
      const locked = yield* Paying.submit(purchase, offer, payment, () => undefined)
      const at = yield* Clock.currentTimeMillis
      const until = endOf(askedFor(offer), UnixTime.fromMillis(at))
      yield* logged(journal.locked(offer.request.event.id, { until }))
      yield* tellLocked(offer, until - UnixTime.fromMillis(at))
      return { ...locked, at, until, early } satisfies Locked
    }),
    offer.provider
  )

/** In the background: the provider sees the lock anyway, this is for those who wait for a word. */
const tellLocked = (offer: Offer, lasts: number) => {
  const asked = askedFor(offer)
  const { paymentHash } = asked
  const money = { rail: PaymentRequest.railOf(asked), paymentHash, amount: offer.amount, lasts }
  return insist(offer.conversation.tellLocked(offer.jobName, money), {
    times: 4,
    warning: "The provider was not told of the lock"
  }).pipe(Effect.forkScoped({ startImmediately: true }))
}
