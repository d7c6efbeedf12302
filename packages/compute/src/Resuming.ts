/** What everything that takes up an earlier job shares: how it stands, what the Treasury knows, its receipt. */
import { UnixTime } from "@farthing/relay"
import { Clock, Duration, Effect } from "effect"
import { findSpend } from "./Bookkeeping.ts"
import type { ComputeOptions } from "./ComputeOptions.ts"
import type { Delivered } from "./Delivery.ts"
import type { Job, JobState, Offer, Payment, Recovered } from "./Job.ts"
import { type EndState, type Entry, Journal } from "./Journal.ts"
import * as Receipt from "./Receipt.ts"

export const unchanged = ({ job, receipt, refund }: Entry): Recovered => ({ job, receipt, refund })

export const became = (entry: Entry, state: JobState, note: string): Recovered => ({
  job: { ...entry.job, state, note },
  receipt: undefined,
  refund: entry.refund
})

export const spendOf = ({ job, offer }: Entry) => findSpend(job.purchase, offer?.paymentHash)

export const end = Effect.fnUntraced(function* (entry: Entry, state: EndState, note: string) {
  const journal = yield* Journal
  yield* journal.ended(entry.job.request, state, note)
  return became(entry, state, note)
})

/** How long a job whose time is over is still listened for, once the relays sent what they had. */
export const grace = Duration.seconds(1)

/** Unix milliseconds: the job's own end, or what a provider needs whose money is there only now. */
export const lastMoment = (job: Job, paidAt: number, options: ComputeOptions) =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    Math.max(
      job.requestedAt * 1000 + Duration.toMillis(options.jobTimeout),
      paidAt * 1000 + Duration.toMillis(options.firstChunkTimeout),
      now + Duration.toMillis(grace)
    )
  )

export const receiptOf = (
  { job, model }: Entry,
  offer: Offer,
  payment: Payment,
  delivered: Delivered
) =>
  Effect.map(UnixTime.now, (finishedAt) =>
    Receipt.make(
      {
        purchase: job.purchase,
        request: job.request,
        provider: job.provider,
        providerName: job.providerName,
        settlement: job.settlement,
        bolt11: offer.bolt11,
        paymentHash: offer.paymentHash,
        preimage: payment.preimage,
        amount: offer.amount,
        fee: payment.fee,
        feeKnown: payment.feeKnown,
        leftToday: payment.leftToday,
        finishedAt,
        stages: []
      },
      delivered,
      model
    )
  )
