/**
 * Lock, be delivered to, and then release: the preimage is ours. The provider sees the lock in its
 * own wallet and delivers; our preimage lets it take the money; without a delivery the lock ends and
 * the money returns by itself.
 */
import { Treasury } from "@farthing/budget"
import { Msat, type NostrEvent, Settlement } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Clock, Data, Effect, Option, Redacted } from "effect"
import { findSpend, logged } from "./Bookkeeping.ts"
import { collect, type Undelivered } from "./Collection.ts"
import * as ComputeError from "./ComputeError.ts"
import type { Delivered } from "./Delivery.ts"
import { insist } from "./Insisting.ts"
import type { OwnPreimage } from "./Job.ts"
import { JobTransport, type Request } from "./JobTransport.ts"
import { Journal } from "./Journal.ts"
import * as Locking from "./Locking.ts"
import { nameOf, type Offer } from "./Negotiation.ts"
import * as Paying from "./Paying.ts"
import { type Purchase, stage } from "./Purchase.ts"
import type { Receipt } from "./Receipt.ts"
import * as Settling from "./Settling.ts"

/** Buys what was offered: lock - deliver - release. */
export const fulfil = Effect.fnUntraced(function* (purchase: Purchase, offer: Offer) {
  const preimage = Option.getOrThrow(offer.preimage)
  const locked = yield* Locking.lock(purchase, offer)
  const delivered = yield* deliver(purchase, offer, locked)
  return yield* settle(purchase, offer, locked, preimage, delivered)
})

/** Waits for the text, or for the money. */
const deliver = (purchase: Purchase, offer: Offer, locked: Locking.Locked) => {
  const { firstChunkTimeout, idleTimeout } = purchase.options
  const deadline = lastMoment(offer, locked, purchase.options)
  return stage(
    purchase,
    "deliver",
    `waiting for the result of ${nameOf(offer.provider)}`,
    collect(
      offer.conversation.answers,
      { first: firstChunkTimeout, idle: idleTimeout, deadline },
      { tell: purchase.tell, wants: () => Effect.succeed(false) },
      locked.early
    ).pipe(Effect.raceFirst(moneyBack(locked))),
    offer.provider
  ).pipe(
    Effect.catchTags({
      Undelivered: (error) => undelivered(offer, locked, error),
      MoneyBack: ({ message }) => returned(offer, message),
      RelayUnavailable: (error) => outOfReach(offer, locked, error)
    })
  )
}

/** Unix milliseconds: the time that was paid for, but not the last of the lock. */
const lastMoment = (offer: Offer, { at, until }: Locking.Locked, options: Purchase["options"]) =>
  Math.min(Paying.lastMoment(offer, at, options), (until - Settlement.lastSeconds) * 1000)

/** The lock ended while the result was waited for. */
class MoneyBack extends Data.TaggedError("MoneyBack")<{ readonly message: string }> {}

/** Fails when the money is back; whoever took it without our preimage cannot be helped here. */
const moneyBack = ({ end }: Locking.Locked): Effect.Effect<never, MoneyBack> =>
  end.pipe(
    Effect.catchTags({
      PaymentUnknown: () => Effect.never,
      PaymentFailed: ({ message }) => Effect.fail(new MoneyBack({ message }))
    }),
    Effect.andThen(Effect.never)
  )

/** Nothing was paid: another provider may be asked. */
const returned = Effect.fnUntraced(function* ({ provider, request }: Offer, why: string) {
  const journal = yield* Journal
  yield* logged(journal.ended(request.event.id, "returned", why))
  return yield* new ComputeError.ProviderRefused({
    provider: provider.pubkey,
    code: "inference_failed",
    message: `${nameOf(provider)} delivered nothing and let the locked money come back. Nothing was paid.`
  })
})

/** The money stays locked until it comes back by itself, or recovery finds what came late. */
const undelivered = Effect.fnUntraced(function* (
  { provider, request }: Offer,
  locked: Locking.Locked,
  { message, reason }: Pick<Undelivered, "message" | "reason">
) {
  const journal = yield* Journal
  yield* logged(journal.noted(request.event.id, message))
  yield* logged(journal.stalled(request.event.id))
  return yield* ComputeError.undelivered(reason, {
    provider: provider.pubkey,
    cost: Msat.zero,
    held: heldBy(locked),
    message: `${nameOf(provider)} delivered nothing to pay for: ${message}. It is avoided for now. ${comesBack(locked)}`
  })
})

const outOfReach = Effect.fnUntraced(function* (
  { provider, request }: Offer,
  locked: Locking.Locked,
  { message }: ComputeError.RelayUnavailable
) {
  const journal = yield* Journal
  yield* logged(journal.letGo(request.event.id))
  return yield* new ComputeError.DeliveryTimeout({
    provider: provider.pubkey,
    cost: Msat.zero,
    held: heldBy(locked),
    message: `The relays went away before ${nameOf(provider)} delivered: ${message}. ${comesBack(locked)}`
  })
})

const heldBy = ({ allowedFee, amount }: Locking.Locked): Msat.Msat => Msat.add(amount, allowedFee)

const comesBack = (locked: Locking.Locked): string =>
  `Nothing was paid: ${heldBy(locked)} msat are locked and come back by themselves, by ${UnixTime.toISOString(locked.until)} at the latest; a late result is still taken by recovery.`

/** Shows the preimage for the text, and waits a moment for the books to close. */
const settle = (
  purchase: Purchase,
  offer: Offer,
  locked: Locking.Locked,
  preimage: OwnPreimage,
  delivered: Delivered
) =>
  stage(
    purchase,
    "release",
    `showing ${nameOf(offer.provider)} what takes its money`,
    Effect.gen(function* () {
      const { amount, allowedFee, leftToday, paymentHash } = locked
      const spent = {
        paymentHash,
        preimage: Redacted.value(preimage),
        amount,
        fee: allowedFee,
        feeKnown: false,
        leftToday
      }
      const receipt = yield* Settling.receiptOf(purchase, offer, spent, delivered)
      const millis = (yield* Clock.currentTimeMillis) - locked.at
      const { request, jobName } = offer
      if (!(yield* release({ request, jobName, until: locked.until, preimage }, receipt, millis)))
        return yield* unreleased(purchase, offer, locked)
      return yield* locked.end.pipe(
        Effect.matchEffect({
          onSuccess: ({ fee, feeKnown, leftToday }) =>
            claimed(receipt, { fee: feeKnown ? fee : undefined, leftToday }),
          onFailure: (error) =>
            error._tag === "PaymentFailed" ? unclaimed(receipt) : Effect.succeed(receipt)
        }),
        Effect.timeoutOrElse({ duration: claimPatience, orElse: () => Effect.succeed(receipt) })
      )
    }),
    offer.provider
  )

/** Nothing was shown: another process was faster, the money is back, or it is about to be. */
const unreleased = Effect.fnUntraced(function* (
  purchase: Purchase,
  offer: Offer,
  locked: Locking.Locked
) {
  const journal = yield* Journal
  const found = yield* journal.findJob(offer.request.event.id)
  const receipt = Option.getOrUndefined(found)?.receipt
  if (receipt !== undefined) return receipt
  const spend = yield* findSpend(purchase.id, locked.paymentHash)
  return spend?.state === "failed"
    ? yield* returned(offer, "the result came when the money was back")
    : yield* undelivered(offer, locked, tooLate)
})

const tooLate = {
  reason: "nothing",
  message: "the result came in the lock's last minutes"
} as const

/** Providers take their money at once; recovery closes the books of one that does not. */
const claimPatience = "5 seconds"

/** A job whose money is locked. */
export interface LockedJob {
  readonly request: Request
  readonly jobName: string
  /** Unix seconds at which the lock ends. */
  readonly until: number
  readonly preimage: OwnPreimage
}

/**
 * Books the money as spent and the text as ours, in one commit with the message that is to be sent;
 * and sends it. False where the lock is over or about to be, so that nothing must be shown.
 */
export const release = Effect.fnUntraced(function* (
  job: LockedJob,
  receipt: Receipt,
  millis?: number
) {
  const journal = yield* Journal
  const treasury = yield* Treasury.Treasury
  const transport = yield* JobTransport
  if ((yield* UnixTime.now) >= job.until - Settlement.lastSeconds) return false
  const event = yield* transport.prepareRelease(job.request, job.jobName, job.preimage)
  const book = Effect.gen(function* () {
    if (!(yield* treasury.release(receipt.paymentHash, receipt.preimage))) return yield* notOurs
    if (!(yield* journal.released(receipt, event, millis))) return yield* notOurs
    yield* treasury.conclude(receipt.paymentHash, "delivered")
    return true
  })
  const isReleased = yield* journal
    .together(book)
    .pipe(Effect.catchTag("NotOurs", () => Effect.succeed(false)))
  if (isReleased) yield* Effect.forkScoped(send(event), { startImmediately: true })
  return isReleased
})

/** Nothing of it stands in the books: the lock is over, or another process was faster. */
class NotOurs extends Data.TaggedError("NotOurs") {}

const notOurs = Effect.fail(new NotOurs())

/** The very bytes that were stored, any number of times. */
export const send = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent) {
  const transport = yield* JobTransport
  yield* insist(transport.send({ event }), {
    times: 6,
    warning: "A preimage was not shown to its provider"
  })
})

/** The provider has its money; with the fee, where the wallet says it. */
export const claimed = Effect.fnUntraced(function* (
  receipt: Receipt,
  { fee, leftToday }: Pick<Receipt, "leftToday"> & { readonly fee: Msat.Msat | undefined }
) {
  const journal = yield* Journal
  yield* logged(journal.claimed(receipt.request, fee))
  return fee === undefined
    ? { ...receipt, leftToday }
    : { ...receipt, leftToday, fee, feeKnown: true, cost: Msat.add(receipt.amount, fee) }
})

/** The provider let its money come back: the result was a gift. */
export const unclaimed = Effect.fnUntraced(function* (receipt: Receipt) {
  const journal = yield* Journal
  yield* logged(journal.unclaimed(receipt.request, "the provider let its money come back"))
  return { ...receipt, cost: Msat.zero }
})
