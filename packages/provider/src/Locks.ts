/**
 * Where locked money is taken, once what it is for is delivered and its preimage is there. The
 * book says `claiming` before the wallet is asked, and the wallet's word alone ends it, so that
 * whoever comes after a crash goes on where it stands.
 */
import { AgentMessage, Bolt11, Channel, type Filter, type NostrEvent } from "@farthing/protocol"
import { type Signer, UnixTime } from "@farthing/relay"
import type { Wallet } from "@farthing/wallet"
import { Clock, Effect, Option, Redacted } from "effect"
import * as Errands from "./Errands.ts"
import * as Following from "./Following.ts"
import type { Job } from "./Job.ts"
import * as Lock from "./Lock.ts"
import type { BookUnavailable, Shape as ProviderBook } from "./ProviderBook.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"
import type { Tracing } from "./Tracing.ts"

export interface Locks {
  /** A sealed result's money is locked. Whether it is not to be expected any more. */
  readonly claim: (paymentHash: Bolt11.PaymentHash) => Effect.Effect<boolean, BookUnavailable>
  /** The job is at the relays, and waits for its money from now on. Whether that is news. */
  readonly expect: (job: Job) => Effect.Effect<boolean, BookUnavailable>
  /** Somebody shows the preimage of an escrow. */
  readonly release: (
    event: NostrEvent.NostrEvent,
    message: AgentMessage.PreimageRelease | AgentMessage.Private
  ) => Effect.Effect<void, BookUnavailable>
  /** Where what is said of open escrows is found, be it as old as they are. */
  readonly filters: Effect.Effect<ReadonlyArray<Filter.Filter>, BookUnavailable>
  /** Goes on with what is not ended, and ends what nobody pays, until it is interrupted. */
  readonly tend: Effect.Effect<never>
}

/** How often it is looked whether something can go on. */
const turn = "1 second"

/** A lock may end soon: a wallet that does not answer is asked as often as this. */
const longestPause = "30 seconds"

/** What is being claimed for less (in milliseconds) is left to whoever does it. */
const underWay = 1_000

export const make = Effect.fnUntraced(function* (services: {
  readonly provider: NostrEvent.NostrEvent["pubkey"]
  readonly wallet: Wallet.Shape
  readonly signer: Signer.Shape
  readonly book: ProviderBook
  readonly channel: NostrEvent.EventId
  readonly tracing: Tracing
  readonly tell: (event: ProviderEvent) => Effect.Effect<void>
}) {
  const { book, channel, provider, signer, tell, tracing, wallet } = services
  const errands = yield* Errands.make({ longestPause })
  /** Sealed results whose money was locked before they were delivered. */
  const early = new Set<Bolt11.PaymentHash>()

  const trouble = ({ message }: { readonly message: string }) => tell({ _tag: "Trouble", message })

  const collect = Effect.fnUntraced(function* (job: Job) {
    if (job.preimage === undefined) return
    const startedAt = yield* Clock.currentTimeMillis
    yield* wallet
      .settleHoldInvoice(Redacted.value(job.preimage))
      .pipe(Effect.catch((refusal) => unlessItIsTaken(job, refusal)))
    errands.forget(job.id)
    if (!(yield* book.collected(job.id))) return
    const { amount, customer, id: request, settlement } = job
    const millis = (yield* Clock.currentTimeMillis) - startedAt
    yield* tell({
      _tag: "Delivered",
      request,
      customer,
      amount,
      settlement,
      tokensOut: undefined,
      millis
    })
  })

  /** A wallet that was asked before may refuse, or not answer: what has become of it decides. */
  const unlessItIsTaken = Effect.fnUntraced(function* (job: Job, refusal: Wallet.WalletError) {
    const found = yield* wallet.lookupIncoming(job.paymentHash)
    if (Option.exists(found, ({ state }) => state === "settled")) return
    if (Option.exists(found, ({ state }) => state === "cancelled" || state === "expired"))
      return yield* forgo(job, "the lock ended before its money was taken")
    return yield* refusal
  })

  /** The time in which the money could come, or be taken, is over. */
  const giveUp = Effect.fnUntraced(function* (job: Job) {
    const found = yield* wallet.lookupIncoming(job.paymentHash)
    const isHeld = Option.exists(found, ({ state }) => state === "held")
    if (isHeld && job.settlement === "sealed") return yield* claimNow(job)
    // Nobody can pay it from now on, and what is locked goes back.
    if (Option.exists(found, ({ state }) => state === "held" || state === "pending"))
      yield* wallet.cancelHoldInvoice(job.paymentHash)
    yield* forgo(job, isHeld ? "its preimage was never shown" : "nobody paid for it")
  })

  const forgo = Effect.fnUntraced(function* (job: Job, reason: string) {
    errands.forget(job.id)
    early.delete(job.paymentHash)
    if (!(yield* book.forgone(job.id, reason))) return
    const { amount, customer, id: request } = job
    yield* tell({ _tag: "Unpaid", request, customer, amount, reason })
  })

  const claimNow = Effect.fnUntraced(function* ({ paymentHash }: Job) {
    const job = yield* book.claiming(paymentHash)
    if (Option.isSome(job)) yield* collect(job.value)
  })

  /** Told when it is new, so that a wallet that cannot be asked does not fill the log. */
  const complain = Effect.fnUntraced(function* (job: Job, message: string) {
    if (yield* book.noted(job.id, `the money waits: ${message}`))
      yield* trouble({ message: `the money for ${job.id} waits: ${message}` })
  })

  /** What goes wrong is tried again in its turn. */
  const guarded =
    (job: Job) =>
    <E extends { readonly message: string }>(effect: Effect.Effect<void, E>): Effect.Effect<void> =>
      effect.pipe(
        tracing.stage("claim"),
        tracing.job(job.id),
        Effect.catch(({ message }) => complain(job, message)),
        Effect.catch(trouble),
        Effect.catchDefect((defect) => trouble({ message: `a bug: ${String(defect)}` }))
      )

  const take = (job: Job) => collect(job).pipe(guarded(job), errands.run(job.id))

  const claim: Locks["claim"] = Effect.fnUntraced(function* (paymentHash) {
    const job = yield* book.claiming(paymentHash)
    if (Option.isSome(job)) yield* take(job.value)
    const isAwaited = Option.isNone(job) && (yield* book.isAwaited(paymentHash))
    if (isAwaited) early.add(paymentHash)
    return !isAwaited
  })

  /** What may be claimed already is: the customer was faster than our relays. */
  const expect: Locks["expect"] = Effect.fnUntraced(function* ({ id, paymentHash }) {
    const job = yield* book.awaiting(id)
    if (Option.isNone(job)) return false
    if (job.value.settlement === "escrow" && job.value.preimage !== undefined)
      yield* take(job.value)
    if (early.delete(paymentHash)) yield* claim(paymentHash)
    return true
  })

  const release: Locks["release"] = Effect.fnUntraced(function* (event, message) {
    const found = yield* findEscrow(event, message)
    if (Option.isNone(found)) return
    const author = { customer: found.value.customer, requestId: found.value.id }
    if (!Channel.isFollowUpTo(event, message, author)) return
    const release = yield* reading(event, message)
    if (release === undefined || !Channel.isFollowUpTo(event, release, author)) return
    const job = yield* book.released(author.requestId, Redacted.make(release.preimage))
    if (Option.isSome(job)) yield* take(job.value)
  })

  const findEscrow = (
    event: NostrEvent.NostrEvent,
    message: AgentMessage.PreimageRelease | AgentMessage.Private
  ): Effect.Effect<Option.Option<Job>, BookUnavailable> => {
    if (message.type === "PreimageRelease")
      return book.findEscrow({ paymentHash: Bolt11.hashOf(message.preimage) })
    const request = message.request_id ?? Option.getOrUndefined(Channel.replyOf(event))
    return request === undefined ? Effect.succeedNone : book.findEscrow({ request })
  }

  /** The release itself, or the one in a message for our eyes only; undefined if there is none. */
  const reading = (
    event: NostrEvent.NostrEvent,
    message: AgentMessage.PreimageRelease | AgentMessage.Private
  ) =>
    message.type === "PreimageRelease"
      ? Effect.succeed(message)
      : signer.decrypt(event.pubkey, message.payload).pipe(
          Effect.map(AgentMessage.parse),
          Effect.map(Option.filter(isRelease)),
          Effect.map(Option.getOrUndefined),
          Effect.catch((error) =>
            Effect.as(Effect.logDebug("a private message cannot be read", error.message), undefined)
          )
        )

  const lookAfter = Effect.gen(function* () {
    const now = yield* UnixTime.now
    const due = yield* book.dueLocks(provider, {
      claiming: (yield* Clock.currentTimeMillis) - underWay,
      locked: now + Lock.givenBack,
      invoiced: now - Lock.expiredFor
    })
    for (const { isClaiming, job } of due)
      yield* (isClaiming ? collect(job) : giveUp(job)).pipe(guarded(job), errands.runInTurn(job.id))
  })

  const filters = Effect.map(book.escrows(provider), (jobs) =>
    Following.filters(
      channel,
      jobs.map(({ customer }) => customer),
      Math.min(...jobs.map(({ receivedAt }) => receivedAt))
    )
  )

  return {
    claim,
    expect,
    release,
    filters,
    tend: lookAfter.pipe(Effect.catch(trouble), Effect.andThen(Effect.sleep(turn)), Effect.forever)
  } satisfies Locks
})

const isRelease = (message: AgentMessage.AgentMessage): message is AgentMessage.PreimageRelease =>
  message.type === "PreimageRelease"
