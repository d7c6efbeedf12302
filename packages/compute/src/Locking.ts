/** Money locked to a hash: taken by whoever shows the preimage in time, or back by itself. */
import { Treasury } from "@farthing/budget"
import { Bolt11 } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Blocks } from "@farthing/wallet"
import { Clock, Effect } from "effect"
import { logged } from "./Bookkeeping.ts"
import { insist } from "./Insisting.ts"
import type { Answer } from "./JobTransport.ts"
import { Journal } from "./Journal.ts"
import { nameOf, type Offer } from "./Negotiation.ts"
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

/** When a lock of this invoice ends that began at a unix second: its payee may count on no more. */
export const endOf = ({ minFinalCltvDelta }: Bolt11.Invoice, begun: number): number =>
  begun + minFinalCltvDelta * Blocks.seconds

/** Notes the invoice, locks the money, and tells the provider. */
export const lock = (purchase: Purchase, offer: Offer) =>
  stage(
    purchase,
    "pay",
    `locking ${offer.amount} msat for ${nameOf(offer.provider)}`,
    Effect.gen(function* () {
      const journal = yield* Journal
      const treasury = yield* Treasury.Treasury
      const early = yield* Paying.begin(offer)
      const payment = treasury.lock(Paying.spendOf(purchase, offer))
      const locked = yield* Paying.submit(purchase, offer, payment, () => undefined)
      const at = yield* Clock.currentTimeMillis
      const until = endOf(offer.invoice, UnixTime.fromMillis(at))
      yield* logged(journal.locked(offer.request.event.id, { until }))
      yield* tellLocked(offer, until - UnixTime.fromMillis(at))
      return { ...locked, at, until, early } satisfies Locked
    }),
    offer.provider
  )

/** In the background: the provider sees the lock anyway, this is for those who wait for a word. */
const tellLocked = ({ amount, conversation, invoice, jobName }: Offer, lasts: number) =>
  insist(conversation.tellLocked(jobName, { paymentHash: invoice.paymentHash, amount, lasts }), {
    times: 4,
    warning: "The provider was not told of the lock"
  }).pipe(Effect.forkScoped({ startImmediately: true }))
