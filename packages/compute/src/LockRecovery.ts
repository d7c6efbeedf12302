/**
 * Takes up jobs whose money is locked: looks for a result to release it for, shows the preimage
 * again, and closes the books when the wallet says what became of it.
 */
import type { Treasury } from "@farthing/budget"
import { PaymentRequest } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Option, Redacted, Result } from "effect"
import { collect } from "./Collection.ts"
import type { ComputeOptions } from "./ComputeOptions.ts"
import type { Delivered } from "./Delivery.ts"
import * as Escrow from "./Escrow.ts"
import type { Offer, OwnPreimage, Payment, Recovered } from "./Job.ts"
import { JobTransport } from "./JobTransport.ts"
import { type Entry, Journal } from "./Journal.ts"
import * as Locking from "./Locking.ts"
import { became, lastMoment, receiptOf, spendOf, unchanged } from "./Resuming.ts"
import * as Unsealing from "./Unsealing.ts"

/** The process ended between the lock and its note. */
export const takeForLocked = Effect.fnUntraced(function* (
  entry: Entry,
  { reservedAt }: Treasury.SpendRecord
) {
  const journal = yield* Journal
  const begun = UnixTime.fromMillis(reservedAt)
  const asked = PaymentRequest.parse(entry.offer?.bolt11 ?? "")
  const lock = { until: Result.isSuccess(asked) ? Locking.endOf(asked.success, begun) : begun }
  yield* journal.locked(entry.job.request, lock)
  return { ...entry, lock, job: { ...entry.job, state: "locked", note: "" } } satisfies Entry
})

/** Listens from the time of the request on for what the money is locked for. */
export const lookForResult = Effect.fnUntraced(function* (
  entry: Entry,
  spend: Treasury.SpendRecord,
  options: ComputeOptions
) {
  const { job, lock, offer, preimage, request } = entry
  if (offer === undefined || lock === undefined || Option.isNone(preimage)) return unchanged(entry)
  const transport = yield* JobTransport
  const now = yield* UnixTime.now
  const conversation = yield* transport.listenAgain(request)
  const { amount, bolt11, paymentHash } = offer
  const rail = PaymentRequest.railOfText(bolt11)
  yield* conversation
    .tellLocked(offer.jobName, { rail, paymentHash, amount, lasts: lock.until - now })
    .pipe(Effect.ignore({ log: "Debug" }), Effect.forkScoped)
  yield* conversation.stored.pipe(Effect.timeoutOption(options.discoveryTimeout))
  const patience = {
    first: options.firstChunkTimeout,
    idle: options.idleTimeout,
    deadline: yield* lastMoment(job, UnixTime.fromMillis(spend.reservedAt), options)
  }
  const listener = { tell: () => Effect.void, wants: () => Effect.succeed(false) }
  return yield* collect(conversation.answers, patience, listener).pipe(
    Effect.flatMap((delivered) =>
      release(entry, { offer, preimage: preimage.value, spend, until: lock.until }, delivered)
    ),
    Effect.catchTags({
      RelayUnavailable: () => Effect.succeed(unchanged(entry)),
      Undelivered: () => Effect.succeed(unchanged(entry))
    })
  )
}, Effect.scoped)

const release = Effect.fnUntraced(function* (
  entry: Entry,
  {
    offer,
    preimage,
    spend,
    until
  }: {
    readonly offer: Offer
    readonly preimage: OwnPreimage
    readonly spend: Treasury.SpendRecord
    readonly until: number
  },
  delivered: Delivered
) {
  const payment: Payment = {
    preimage: Redacted.value(preimage),
    fee: spend.allowedFee,
    feeKnown: false,
    leftToday: undefined,
    paidAt: yield* UnixTime.now
  }
  const receipt = yield* receiptOf(entry, offer, payment, delivered)
  const { jobName } = offer
  const job = { request: entry.request, jobName, until, preimage }
  if (!(yield* Escrow.release(job, receipt))) return unchanged(entry)
  return { ...became(entry, "released", ""), receipt } satisfies Recovered
})

/** Shows the preimage again, unless the wallet says what became of the money. */
export const resumeReleased = Effect.fnUntraced(function* (entry: Entry) {
  const { receipt, release } = entry
  if (receipt === undefined || release === undefined) return unchanged(entry)
  const spend = yield* spendOf(entry)
  switch (spend?.state) {
    case "settled":
      return {
        ...became(entry, "delivered", ""),
        receipt: yield* Escrow.claimed(receipt, { fee: spend.fee, leftToday: receipt.leftToday })
      } satisfies Recovered
    case "failed":
      return {
        ...became(entry, "unclaimed", ""),
        receipt: yield* Escrow.unclaimed(receipt)
      } satisfies Recovered
    default:
      yield* Escrow.send(release)
      return unchanged(entry)
  }
})

/** What the journal kept under seal, opened. */
export const openStored = Effect.fnUntraced(function* (
  { job, request }: Entry,
  { paymentHash }: Offer,
  { preimage }: Payment
) {
  const journal = yield* Journal
  const transport = yield* JobTransport
  const pieces = Unsealing.piecesOf(transport, yield* journal.sealedEvents(job.request))
  return yield* Unsealing.open({ request, paid: { paymentHash, preimage }, pieces })
})
