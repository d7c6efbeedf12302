/**
 * Where money is waited for. Believes the wallet alone: what it reports, and what it answers
 * when it is asked for each unpaid invoice, often at first and rarely later. A customer's word
 * of having paid or locked it is a reason to ask at once, no more.
 */
import { AgentMessage, type Bolt11, Channel, type Key, type NostrEvent } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import { Clock, Effect, Option, Stream } from "effect"
import * as Errands from "./Errands.ts"
import type { Job } from "./Job.ts"
import type { Money } from "./Money.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"

export interface Till {
  /** Counts a quote as unpaid while it is being made; call the result when it is, or is not. */
  readonly begin: (customer: Key.PublicKey) => () => void
  /** Waits for the job's payment from now on. */
  readonly expect: (job: Quote) => Effect.Effect<void>
  /** The author of a request says to have paid, or locked the money. */
  readonly hint: (
    event: NostrEvent.NostrEvent,
    message: AgentMessage.PaymentSent | AgentMessage.HtlcLocked
  ) => Effect.Effect<void>
  /** The author of a request does not want to pay: its quote, if it counted until now. */
  readonly cancel: (
    event: NostrEvent.NostrEvent,
    message: AgentMessage.JobCancel
  ) => Effect.Effect<Option.Option<Quote>>
  /**
   * How many quotes can still be paid: all of them, or those that one customer has not
   * cancelled.
   */
  readonly unpaid: (customer?: Key.PublicKey) => number
  /** Watches, until it is interrupted. */
  readonly watch: Effect.Effect<never>
}

/** What of a job has to be known while its money is waited for: little, because there are many. */
export type Quote = Pick<
  Job,
  "id" | "customer" | "amount" | "settlement" | "paymentHash" | "invoiceExpiresAt" | "receivedAt"
>

interface Expected {
  readonly job: Quote
  /** Unix milliseconds, like every time here. */
  readonly since: number
  lookAt: number
  hints: number
  /** Until then the customer's word makes us ask often. */
  hintedUntil: number
  cancelled: boolean
  expired: boolean
}

// In milliseconds.
const turn = 250
const soonest = 1_000
const latest = 60_000
const hintLasts = 10_000
/** After a day only the wallet's own report counts. */
const givenUpAfter = 24 * 60 * 60 * 1_000
/** By how much the wallet's clock may be behind ours. */
const clockMargin = 2 * 60 * 1_000

/** Of more expired quotes than these the oldest ones are given up early. */
const mostExpired = 2_000

const looksPerTurn = 16
/** Payments that come together are booked together, and the disk is waited for once. */
const takenAtOnce = 64
const mostHints = 20

export const make = (options: {
  readonly wallet: Wallet.Shape
  /** What the wallet shows; may be told again of the same. */
  readonly money: Money
  readonly tell: (event: ProviderEvent) => Effect.Effect<void>
}): Till => {
  const { money, tell, wallet } = options
  const expected = new Map<Bolt11.PaymentHash, Expected>()
  const byName = new Map<string, Expected>()
  const unpaid = new Map<Key.PublicKey, number>()
  let unpaidInAll = 0
  let expiredInAll = 0

  const count = (customer: Key.PublicKey, change: 1 | -1): void => {
    const sum = (unpaid.get(customer) ?? 0) + change
    if (sum > 0) unpaid.set(customer, sum)
    else unpaid.delete(customer)
  }

  const expire = (entry: Expected): void => {
    if (entry.expired) return
    entry.expired = true
    expiredInAll++
    unpaidInAll--
    if (!entry.cancelled) count(entry.job.customer, -1)
  }

  /** What the author of a request says of its quote; undefined if there is none. */
  const quoteOf = (
    event: NostrEvent.NostrEvent,
    message: AgentMessage.PaymentSent | AgentMessage.HtlcLocked | AgentMessage.JobCancel,
    jobId: string
  ): Expected | undefined => {
    const entry = byName.get(nameOf(event.pubkey, jobId))
    if (entry === undefined) return undefined
    const { customer, id: requestId } = entry.job
    return Channel.isFollowUpTo(event, message, { customer, requestId }) ? entry : undefined
  }

  const forget = (entry: Expected): void => {
    if (!expected.delete(entry.job.paymentHash)) return
    expire(entry)
    expiredInAll--
    byName.delete(nameOf(entry.job.customer, AgentMessage.jobIdOf(entry.job.id)))
  }

  const forgetHash = (paymentHash: Bolt11.PaymentHash): void => {
    const entry = expected.get(paymentHash)
    if (entry !== undefined) forget(entry)
  }

  const settled = (paymentHash: Bolt11.PaymentHash) =>
    money.settled(paymentHash).pipe(
      Effect.andThen(Effect.sync(() => forgetHash(paymentHash))),
      Effect.catch(({ message }) => tell({ _tag: "Trouble", message }))
    )

  /** Only what is expected here is taken up: another process looks for what it has quoted. */
  const held = (paymentHash: Bolt11.PaymentHash) =>
    Effect.suspend(() => {
      const entry = expected.get(paymentHash)
      if (entry === undefined) return Effect.void
      return Effect.map(money.held(entry.job), (isDone) => (isDone ? forget(entry) : undefined))
    }).pipe(Effect.catch(({ message }) => tell({ _tag: "Trouble", message })))

  const see = (incoming: Wallet.Incoming): Effect.Effect<void> => {
    switch (incoming.state) {
      case "settled":
        return settled(incoming.paymentHash)
      case "held":
        return held(incoming.paymentHash)
      case "cancelled":
        return Effect.sync(() => forgetHash(incoming.paymentHash))
      default:
        return Effect.void
    }
  }

  const look = ({ job }: Expected) =>
    wallet.lookupIncoming(job.paymentHash).pipe(
      Effect.flatMap(Option.match({ onNone: () => Effect.void, onSome: see })),
      Effect.catch((error) => Effect.logDebug("the wallet cannot be asked", error.message))
    )

  /** Those who are said to have paid first, and then those who were not asked for the longest. */
  const takeDue = (now: number): ReadonlyArray<Expected> => {
    const hinted: Array<Expected> = []
    const others: Array<Expected> = []
    for (const entry of expected.values()) {
      if (now >= entry.job.invoiceExpiresAt * 1_000) expire(entry)
      if (entry.lookAt <= now) (now < entry.hintedUntil ? hinted : others).push(entry)
    }
    const due = [...hinted, ...others].slice(0, looksPerTurn)
    for (const entry of due) {
      entry.lookAt = now + patience(entry, now)
      if (isForTheLastTime(entry, now)) {
        forget(entry)
      } else {
        // The map keeps the order of insertion: the next ones come first.
        expected.delete(entry.job.paymentHash)
        expected.set(entry.job.paymentHash, entry)
      }
    }
    return due
  }

  const isForTheLastTime = (entry: Expected, now: number): boolean =>
    now - entry.since > givenUpAfter ||
    (expiredInAll > mostExpired && now > entry.job.invoiceExpiresAt * 1_000 + clockMargin)

  const sweep = Clock.currentTimeMillis.pipe(
    Effect.map(takeDue),
    Effect.flatMap((due) => Effect.forEach(due, look, { concurrency: 4, discard: true })),
    Effect.andThen(Effect.sleep(turn)),
    Effect.forever
  )

  /** The wallet may have reported something while nobody listened. */
  const lookAtAll = Effect.sync(() => {
    for (const entry of expected.values()) entry.lookAt = 0
  })

  const listen = Effect.suspend(() =>
    lookAtAll.pipe(
      Effect.andThen(
        wallet.incoming.pipe(
          Stream.mapEffect(see, {
            concurrency: takenAtOnce,
            unordered: true
          }),
          Stream.runDrain
        )
      ),
      Effect.tapError(({ message }) => tell({ _tag: "Trouble", message })),
      Effect.retry(Errands.untilItAnswers),
      Effect.ignore,
      Effect.andThen(Effect.sleep("1 second")),
      Effect.forever
    )
  )

  return {
    begin: (customer) => {
      unpaidInAll++
      count(customer, 1)
      return () => {
        unpaidInAll--
        count(customer, -1)
      }
    },

    expect: (job) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (expected.has(job.paymentHash)) return
        const { amount, customer, id, invoiceExpiresAt, paymentHash, receivedAt, settlement } = job
        const entry: Expected = {
          job: { amount, customer, id, invoiceExpiresAt, paymentHash, receivedAt, settlement },
          since: job.receivedAt * 1_000,
          lookAt: now + soonest,
          hints: 0,
          hintedUntil: 0,
          cancelled: false,
          expired: false
        }
        expected.set(job.paymentHash, entry)
        byName.set(nameOf(job.customer, AgentMessage.jobIdOf(job.id)), entry)
        unpaidInAll++
        count(job.customer, 1)
      }),

    hint: (event, message) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const entry = quoteOf(event, message, message.job_id)
        if (entry === undefined || entry.hints >= mostHints) return
        entry.hints++
        entry.hintedUntil = now + hintLasts
        entry.lookAt = now
      }),

    cancel: (event, message) =>
      Effect.sync(() => {
        const entry = quoteOf(event, message, AgentMessage.jobIdOf(message.request_id))
        if (entry === undefined || entry.cancelled || entry.expired) return Option.none()
        entry.cancelled = true
        count(entry.job.customer, -1)
        return Option.some(entry.job)
      }),

    unpaid: (customer) => (customer === undefined ? unpaidInAll : (unpaid.get(customer) ?? 0)),

    watch: Effect.all([listen, sweep], { concurrency: "unbounded" }).pipe(
      Effect.andThen(Effect.never)
    )
  }
}

/** How long to wait before asking the wallet again. */
const patience = (entry: Expected, now: number): number => {
  const age = now - entry.since
  if (now < entry.hintedUntil) return turn
  return Math.max(soonest, Math.min(age / 4, Math.max(latest, entry.expired ? age / 10 : 0)))
}

/** A job's name on the wire is its customer's to choose; nobody else's hint counts. */
const nameOf = (customer: Key.PublicKey, jobId: string): string => `${customer} ${jobId}`
