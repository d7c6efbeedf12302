/**
 * The Treasury over a spend ledger in SQL and the wallet's `Payer`.
 */
import { Msat, PaymentRequest } from "@farthing/protocol"
import type { Bolt11, Network, SparkHtlc } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Blocks, Wallet } from "@farthing/wallet"
import { Duration, Effect, Option } from "effect"
import { randomUUID } from "node:crypto"
import * as Audit from "./Audit.ts"
import * as BudgetDay from "./BudgetDay.ts"
import * as Lease from "./Lease.ts"
import * as LeaseKeeper from "./LeaseKeeper.ts"
import * as Limits from "./Limits.ts"
import * as Locking from "./Locking.ts"
import { available } from "./Lookup.ts"
import * as Lookup from "./Lookup.ts"
import * as Metrics from "./Metrics.ts"
import * as Payment from "./Payment.ts"
import * as RefusedSpend from "./RefusedSpend.ts"
import { warned } from "./Recovery.ts"
import * as Recovery from "./Recovery.ts"
import * as Room from "./Room.ts"
import { askedFor, holdOf, isReleased } from "./Spend.ts"
import type { LockSpend, Spend, Wish } from "./Spend.ts"
import * as SpendLedger from "./SpendLedger.ts"
import * as Submission from "./Submission.ts"
import { migrate } from "./SpendTables.ts"
import * as WalletAudit from "./WalletAudit.ts"
import { BudgetExhausted, LedgerUnavailable, PaymentRefused } from "./TreasuryError.ts"

export interface Options {
  readonly network: Network.Network
  /** Asked for each payment anew, so an effect may reload them. */
  readonly limits: Limits.Limits | Effect.Effect<Limits.Limits>
  /** Whose budget it is, where several share a database; default `main`. */
  readonly budget?: string
  /** How long a payment may take before its outcome is unknown; default 60 seconds. */
  readonly payTimeout?: Duration.Input
  /** After how long without a sign of life a payment's process counts as dead; default 30 seconds, at most an hour. */
  readonly lease?: Duration.Input
  /** By how much the clocks of wallet and ledger may differ; default 2 minutes. */
  readonly clockMargin?: Duration.Input
}

/** A payment that takes longer to be claimed at its end is none that we want to wait for. */
const longestFinalCltvDelta = 144

/** In seconds: the same for an HTLC. */
const longestLock = longestFinalCltvDelta * Blocks.seconds

export const make = Effect.fnUntraced(function* (options: Options) {
  const payTimeout = Duration.fromInputUnsafe(options.payTimeout ?? "60 seconds")
  const lease = Duration.min(Duration.fromInputUnsafe(options.lease ?? "30 seconds"), Lease.longest)
  const margin = Duration.toSeconds(options.clockMargin ?? "2 minutes")
  // Amounts of two networks never meet.
  const budget = `${options.network}/${options.budget ?? "main"}`

  yield* Effect.mapError(
    migrate,
    (error) =>
      new LedgerUnavailable({ message: `The spend ledger cannot be opened: ${error.message}` })
  )
  const wallet = yield* Wallet.Wallet
  const room = yield* Room.make
  const ledger = yield* SpendLedger.make({
    budget,
    lease,
    owner: randomUUID(),
    timeout: payTimeout,
    wallet: wallet.id
  })
  const lookUp = yield* Lookup.make({ margin })
  const keepingLease = yield* LeaseKeeper.make({
    lease,
    renew: (spend) => warned(ledger.renew(spend))
  })
  const recovery = yield* Recovery.make({
    ledger,
    lookUp,
    keepingLease,
    room,
    timeout: payTimeout
  })
  const submission = Submission.make({ ledger, lookUp, keepingLease, timeout: payTimeout })
  const carryOut = yield* Payment.make({ ledger, submission })
  const lockUp = yield* Locking.make({ ledger, submission, recovery })

  /** reserve → ask the wallet → settle, or release, or leave unknown. */
  const pay = Effect.fn("Treasury.pay")((spend: Spend) =>
    Effect.uninterruptibleMask((restore) =>
      reserve(spend, false, restore).pipe(
        Effect.flatMap(({ reserved, rules }) =>
          Effect.ensuring(
            carryOut(reserved, { invoice: spend.invoice, rules, restore }),
            room.release
          )
        )
      )
    )
  )

  /** reserve → ask the wallet → hold, or release, or leave unknown; the end comes by itself. */
  const lock = Effect.fn("Treasury.lock")((wish: LockSpend) =>
    Effect.uninterruptibleMask((restore) =>
      reserve(wish, true, restore).pipe(
        Effect.flatMap(({ reserved, rules }) =>
          Effect.onError(lockUp(reserved, { wish, rules, restore }), () => room.release)
        )
      )
    )
  )

  const release = Effect.fn("Treasury.release")(
    (paymentHash: Bolt11.PaymentHash, preimage: Bolt11.Preimage) =>
      // What is spent is not held any more.
      Effect.ensuring(ledger.release(paymentHash, preimage), room.release)
  )

  /** What every payment needs, whoever asks for it. */
  const payable = Effect.fnUntraced(function* (asked: PaymentRequest.PaymentRequest) {
    const name = PaymentRequest.isHtlc(asked) ? "quote" : "invoice"
    if (asked.network !== options.network) {
      return yield* refuse(
        "wrong_network",
        `The ${name} is for ${asked.network}, but this budget is for ${options.network}.`
      )
    }
    const amount = PaymentRequest.amountOf(asked)
    if (Option.isNone(amount) || amount.value === 0) {
      return yield* refuse("no_amount", `The ${name} names no amount. Ask for one that does.`)
    }
    yield* PaymentRequest.isHtlc(asked) ? notForTooLong(asked) : claimedSoon(asked)
    return amount.value
  })

  const claimedSoon = ({ minFinalCltvDelta }: Bolt11.Invoice) =>
    minFinalCltvDelta > longestFinalCltvDelta
      ? refuse(
          "cltv_too_long",
          `The invoice could lock the money for ${minFinalCltvDelta} blocks; at most ${longestFinalCltvDelta} are allowed.`
        )
      : Effect.void

  const notForTooLong = ({ lockSeconds }: SparkHtlc.SparkHtlc) =>
    lockSeconds > longestLock
      ? refuse(
          "lock_too_long",
          `The quote would lock the money for ${lockSeconds} seconds; at most ${longestLock} are allowed.`
        )
      : Effect.void

  /** Holds amount and allowed fee, waiting for what is only held if that may help. */
  const reserve = Effect.fnUntraced(
    function* (spend: LockSpend, isLock: boolean, restore: Room.Restore) {
      const request = askedFor(spend)
      const amount = yield* payable(request)
      const { limits } = yield* restore(rules)
      const attempt = Effect.gen(function* () {
        const rules = yield* restore(rulesWithFunds)
        const most = yield* withinCap(rules.limits, amount, spend.cap)
        // Over Spark nobody between the two takes a fee.
        const allowedFee = PaymentRequest.isHtlc(request) ? Msat.zero : most
        const { purchase, tick, payee, approved } = spend
        const reserved = yield* ledger.reserve(
          { purchase, tick, payee, approved, request, amount, allowedFee, isLock, ...again(spend) },
          rules
        )
        return { reserved, rules }
      })
      return yield* room.retry(attempt, {
        mayPass: (error) => error._tag === "Refused" && error.mayPass,
        within: limits.wait,
        restore
      })
    },
    Effect.catchTag("Refused", ({ error }) => Effect.fail(error)),
    (reserving, spend) => Effect.tapError(reserving, (error) => remember(error, spend))
  )

  /** What somebody was refused stands in the trail; that it could not be written is no reason to pay. */
  const remember = (error: { readonly _tag: string }, wish: LockSpend | Wish) =>
    RefusedSpend.is(error)
      ? warned(
          ledger.refuse({
            purchase: wish.purchase,
            paymentHash: "cap" in wish ? askedFor(wish).paymentHash : undefined,
            ...RefusedSpend.inWords(error)
          })
        )
      : Effect.void

  const rules = Effect.gen(function* () {
    const limits = yield* Effect.isEffect(options.limits)
      ? options.limits
      : Effect.succeed(options.limits)
    const zone = yield* Effect.mapError(
      Effect.fromOption(BudgetDay.zone(limits.timeZone)),
      () => new LedgerUnavailable({ message: `There is no time zone named ${limits.timeZone}.` })
    )
    return { limits, zone, funds: undefined }
  })

  /**
   * The wallet is asked only if something has to stay in it. What the ledger had spent before is
   * remembered, because payments may settle between the answer and the reservation.
   */
  const rulesWithFunds = Effect.gen(function* () {
    const { limits, zone } = yield* rules
    if (limits.reserve === 0) return { limits, zone, funds: undefined }
    const { lifetime } = yield* ledger.summary(zone)
    const balance = yield* available(wallet.balance)
    const spendable = Msat.left(balance, limits.reserve)
    return { limits, zone, funds: { spendable, spentBefore: lifetime.spent } }
  })

  const check = Effect.fn("Treasury.check")(function* (wish: Wish) {
    const rules = yield* rulesWithFunds
    const { tick, payee, approved = false, amount: asked } = wish
    yield* ledger.check({ tick, payee, approved, asked }, rules).pipe(
      Effect.catchTag("Refused", ({ error, mayPass }) =>
        mayPass && Duration.isPositive(rules.limits.wait) ? Effect.void : Effect.fail(error)
      ),
      Effect.tapError((error) => remember(error, wish))
    )
  })

  const status = Effect.gen(function* () {
    const { limits, zone } = yield* rules
    const { day, frozen, ...totals } = yield* ledger.summary(zone)
    const open = yield* ledger.unresolved
    return {
      day,
      frozen,
      spentToday: totals.today.spent,
      held: totals.lifetime.held,
      unknown: Msat.sum(open.filter(({ state }) => state === "unknown").map(holdOf)),
      locked: Msat.sum(open.filter(({ state }) => state === "held").map(holdOf)),
      released: Msat.sum(open.filter(isReleased).map(holdOf)),
      spentEver: totals.lifetime.spent,
      limits: Limits.general(limits, totals)
    }
  }).pipe(Effect.withSpan("Treasury.status"))

  /** The books are read on both sides of the wallet's answer, since payments go on meanwhile. */
  const audit = Effect.gen(function* () {
    const { id } = wallet
    const before = yield* ledger.everything
    const first = before.spends.find((spend) => !WalletAudit.isForeign(spend, id))
    if (first === undefined) return Audit.ofBooks(before, id)
    const since = UnixTime.fromMillis(first.reservedAt)
    const listing = wallet.transactions({ since: since - margin })
    const { outgoing } = yield* available(listing, listingTimeout)
    const after = yield* ledger.everything
    return Audit.ofBooksAndWallet({ before, after }, { id, outgoing, since })
  }).pipe(Effect.withSpan("Treasury.audit"))

  return {
    pay: (spend: Spend) => Metrics.counted(pay(spend)),
    lock: (wish: LockSpend) => Metrics.countedLock(lock(wish)),
    release,
    check,
    conclude: ledger.conclude,
    recover: recovery.recover,
    find: ledger.ofPurchase,
    history: ledger.history,
    status,
    freeze: ledger.freeze,
    unfreeze: ledger.unfreeze,
    audit
  }
})

/** Wallets list what they did in pages, each of which is waited for; a long history has many. */
const listingTimeout = Duration.minutes(15)

const withinCap = (limits: Limits.Limits, amount: Msat.Msat, callersCap: Msat.Msat) => {
  const { limit, most } = Limits.capOf(limits, callersCap)
  return amount > most
    ? Effect.fail(new BudgetExhausted({ limit, most, ...Limits.unused, asked: amount }))
    : Effect.succeed(Limits.allowedFee(limits, amount, most))
}

/** Whether it may be tried again; a lock over Spark is not. */
const again = (spend: LockSpend): Pick<Spend, "irreplaceable"> =>
  "invoice" in spend && spend.irreplaceable !== undefined
    ? { irreplaceable: spend.irreplaceable }
    : {}

const refuse = (reason: PaymentRefused["reason"], message: string) =>
  Effect.fail(new PaymentRefused({ reason, message }))
