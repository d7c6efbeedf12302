/**
 * Where money is given back: customers' invoices are checked and kept, each is paid once through
 * the Treasury, and offers that nobody took in time are closed.
 */
import { Treasury } from "@farthing/budget"
import {
  type AgentMessage,
  Bolt11,
  Channel,
  type Filter,
  type NostrEvent
} from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import type { Wallet } from "@farthing/wallet"
import { Effect, Option, Result } from "effect"
import type { Answers } from "./Answers.ts"
import * as Errands from "./Errands.ts"
import * as Following from "./Following.ts"
import type { Job } from "./Job.ts"
import type { BookUnavailable, Owed, Shape as ProviderBook } from "./ProviderBook.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"
import type { Resolved } from "./ProviderOptions.ts"
import * as Refund from "./Refund.ts"

export interface Refunds {
  /** Somebody asks money back. */
  readonly claim: (
    event: NostrEvent.NostrEvent,
    message: AgentMessage.RefundInvoice
  ) => Effect.Effect<void, BookUnavailable>
  /** Where what is said of open offers is found, be it as old as they are. */
  readonly filters: Effect.Effect<ReadonlyArray<Filter.Filter>, BookUnavailable>
  /** Says every open offer again, to relays that may have forgotten it. */
  readonly remind: Effect.Effect<void, BookUnavailable>
  /** Pays, looks after what was paid, and closes offers, until it is interrupted. */
  readonly tend: Effect.Effect<never>
}

/** How often it is looked whether a refund can go on. */
const turn = "1 second"

/** One that cannot go on is tried ever more seldom. */
const longestPause = "10 minutes"

/** An offer is closed when every clock says that it is over; in seconds. */
const clocksApart = 60

/** So many unusable invoices of one job are written down. */
const mostObjections = 8

export const make = Effect.fnUntraced(function* (services: {
  readonly provider: NostrEvent.NostrEvent["pubkey"]
  readonly treasury: Treasury.Shape
  readonly wallet: Wallet.Shape
  readonly book: ProviderBook
  readonly answers: Answers
  readonly channel: NostrEvent.EventId
  readonly options: Resolved
  readonly tell: (event: ProviderEvent) => Effect.Effect<void>
}) {
  const { answers, book, channel, options, provider, tell, treasury, wallet } = services
  const scope = yield* Effect.scope
  /** One fiber a job checks its invoice, or pays it. */
  const errands = yield* Errands.make({ longestPause })
  const objections = new Map<NostrEvent.EventId, number>()

  const trouble = ({ message }: { readonly message: string }) => tell({ _tag: "Trouble", message })

  const claim: Refunds["claim"] = Effect.fnUntraced(function* (event, message) {
    const found = yield* book.findOffer(message.request_id)
    if (Option.isNone(found) || Option.isSome(found.value.invoice)) return
    const { job, offer } = found.value
    const author = { customer: job.customer, requestId: job.id }
    if (!Channel.isFollowUpTo(event, message, author)) return
    const { network } = options
    const judged = Refund.judgeInvoice(message.bolt11, { offer, network, now: yield* UnixTime.now })
    yield* Result.isSuccess(judged)
      ? look(found.value, judged.success)
      : object(job, judged.failure)
  })

  /** One job at a time, so that a flood of invoices is no flood of questions to the wallet. */
  const look = (owed: Owed, invoice: Bolt11.Invoice) =>
    Effect.gen(function* () {
      if (yield* isOurOwn(owed.job, invoice))
        return yield* object(owed.job, "the invoice is our own")
      if (!(yield* book.claimed(owed.job.id, invoice))) return
      yield* settle({ ...owed, invoice: Option.some(invoice.bolt11) })
    }).pipe(guarded(owed.job), errands.run(owed.job.id))

  /** To pay ourselves would end in another customer's quote being paid. */
  const isOurOwn = Effect.fnUntraced(function* (job: Job, { paymentHash }: Bolt11.Invoice) {
    if (yield* book.usesHash(paymentHash)) return true
    const found = wallet
      .lookupIncoming(paymentHash)
      .pipe(Effect.tapError(({ message }) => complain(job, message)))
    return Option.isSome(yield* Effect.retry(found, Errands.untilItAnswers))
  })

  const object = Effect.fnUntraced(function* (job: Job, why: string) {
    const count = (objections.get(job.id) ?? 0) + 1
    objections.set(job.id, count)
    if (count <= mostObjections) yield* book.noted(job.id, `a refund invoice is not paid: ${why}`)
  })

  /** As far as it can be brought now. What is under way is looked up and never paid again. */
  const settle = Effect.fnUntraced(function* (owed: Owed) {
    const payments = yield* paymentsOf(owed.job)
    const paid = payments.find(({ state }) => state === "settled")
    if (paid !== undefined)
      return yield* refunded(owed.job, { ...paid, fee: paid.fee ?? paid.allowedFee })
    const open = payments.find(isOpen)
    if (open?.state === "unknown") return yield* complain(owed.job, open.note)
    if (open !== undefined) return
    if ((yield* UnixTime.now) >= owed.offer.expiresAt)
      return yield* close(owed, payments.at(-1)?.note)
    if (Option.isSome(owed.invoice)) yield* pay(owed, owed.invoice.value)
  })

  const paymentsOf = Effect.fnUntraced(function* (job: Job) {
    const payments = yield* treasury.find(purchaseOf(job))
    if (!payments.some(isOpen)) return payments
    yield* treasury.recover
    return yield* treasury.find(purchaseOf(job))
  })

  const pay = Effect.fnUntraced(function* ({ job, offer }: Owed, bolt11: string) {
    const invoice = yield* Effect.fromResult(Bolt11.decode(bolt11))
    if ((yield* wallet.balance) < offer.amount)
      return yield* complain(job, "the wallet has too little for it")
    const settled = yield* treasury
      .pay({
        purchase: purchaseOf(job),
        tick: Treasury.TickId.make(Refund.purchaseOf(job.id)),
        payee: job.customer,
        invoice,
        cap: job.amount,
        approved: true,
        irreplaceable: true
      })
      .pipe(Effect.asSome, Effect.catchTag("PaymentRefused", unlessOthersPay(job)))
    if (Option.isSome(settled)) yield* refunded(job, settled.value)
  })

  /** Another process of ours was faster: it will say what becomes of it. */
  const unlessOthersPay = (job: Job) => (refusal: Treasury.PaymentRefused) =>
    Effect.flatMap(treasury.find(purchaseOf(job)), (payments) =>
      payments.every(({ state }) => state === "failed") ? Effect.fail(refusal) : Effect.succeedNone
    )

  const refunded = Effect.fnUntraced(function* (
    job: Job,
    { amount, fee, paymentHash }: Pick<Treasury.Settled, "amount" | "fee" | "paymentHash">
  ) {
    forget(job)
    if (!(yield* book.refunded(job.id, `${amount} msats and a fee of ${fee} to ${paymentHash}`)))
      return
    const { customer, id: request } = job
    yield* tell({ _tag: "Refunded", request, customer, amount, fee, paymentHash })
  })

  const close = Effect.fnUntraced(function* ({ invoice, job, offer }: Owed, failure?: string) {
    if ((yield* UnixTime.now) < offer.expiresAt + clocksApart) return
    const why = Option.isNone(invoice)
      ? "nobody asked for the refund"
      : `the refund could not be paid${failure === undefined ? "" : ` (${failure})`}`
    const reason = `${why}; ${offer.reason}`
    forget(job)
    if (!(yield* book.lost(job.id, reason))) return
    const { amount, customer, id: request } = job
    yield* tell({ _tag: "Lost", request, customer, amount, reason })
  })

  const forget = ({ id }: Job) => {
    objections.delete(id)
    errands.forget(id)
  }

  /** Told when it is new, so that a wallet that cannot pay does not fill the log. */
  const complain = Effect.fnUntraced(function* (job: Job, message: string) {
    if (yield* book.noted(job.id, `the refund waits: ${message}`))
      yield* trouble({ message: `the refund of ${job.id} waits: ${message}` })
  })

  /** What goes wrong is tried again in its turn. */
  const guarded =
    (job: Job) =>
    <E extends { readonly message: string }>(effect: Effect.Effect<void, E>): Effect.Effect<void> =>
      effect.pipe(
        Effect.catch(({ message }) => complain(job, message)),
        Effect.catch(trouble),
        Effect.catchDefect((defect) => trouble({ message: `a bug: ${String(defect)}` }))
      )

  const lookAfter = Effect.gen(function* () {
    const due = yield* book.dueOffers(provider, yield* UnixTime.now)
    for (const owed of due)
      yield* settle(owed).pipe(guarded(owed.job), errands.runInTurn(owed.job.id))
  })

  const remind = Effect.gen(function* () {
    const offers = yield* book.offers(provider)
    const said = offers.flatMap(({ answers }) => answers)
    yield* Effect.forEach(said, (event) => Effect.ignore(answers.offer(event)), {
      concurrency: 4,
      discard: true
    }).pipe(Effect.forkIn(scope))
  })

  const filters = Effect.map(book.offers(provider), (offers) =>
    Following.filters(
      channel,
      offers.map(({ job }) => job.customer),
      (offers[0]?.offer.expiresAt ?? 0) - Refund.offerLasts
    )
  )

  return {
    claim,
    filters,
    remind,
    tend: lookAfter.pipe(Effect.catch(trouble), Effect.andThen(Effect.sleep(turn)), Effect.forever)
  } satisfies Refunds
})

const purchaseOf = ({ id }: Job) => Treasury.PurchaseId.make(Refund.purchaseOf(id))

/** Whether its end is not known. */
const isOpen = ({ state }: Treasury.SpendRecord): boolean =>
  state !== "settled" && state !== "failed"
