/**
 * The Treasury over a spend ledger in SQL and the wallet's `Payer`.
 */
import { Msat } from "@farthing/protocol"
import type { Bolt11, Network } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Payer, Wallet } from "@farthing/wallet"
import { PaymentFailed, PaymentUnknown } from "@farthing/wallet/Payer"
import { Clock, Duration, Effect, Option, Schedule } from "effect"
import { randomUUID } from "node:crypto"
import * as Audit from "./Audit.ts"
import * as BudgetDay from "./BudgetDay.ts"
import * as Limits from "./Limits.ts"
import * as Outcome from "./Outcome.ts"
import { available, warned } from "./Recovery.ts"
import * as Recovery from "./Recovery.ts"
import * as Room from "./Room.ts"
import { costOf, holdOf } from "./Spend.ts"
import type { Settled, Spend, SpendRecord, Wish } from "./Spend.ts"
import * as SpendLedger from "./SpendLedger.ts"
import { migrate } from "./SpendTables.ts"
import { BudgetExhausted, LedgerUnavailable, PaymentRefused } from "./TreasuryError.ts"

export interface Options {
  readonly network: Network.Network
  /** Asked for each payment anew, so an effect may reload them. */
  readonly limits: Limits.Limits | Effect.Effect<Limits.Limits>
  /** Whose budget it is, where several share a database; default `main`. */
  readonly budget?: string
  /** How long a payment may take before its outcome is unknown; default 60 seconds. */
  readonly payTimeout?: Duration.Input
  /** After how long without a sign of life a payment's process counts as dead; default 30 seconds. */
  readonly lease?: Duration.Input
  /** By how much the clocks of wallet and ledger may differ; default 2 minutes. */
  readonly clockMargin?: Duration.Input
}

/** A payment that takes longer to be claimed at its end is none that we want to wait for. */
const longestFinalCltvDelta = 144

export const make = Effect.fnUntraced(function* (options: Options) {
  const payTimeout = Duration.fromInputUnsafe(options.payTimeout ?? "60 seconds")
  const lease = Duration.fromInputUnsafe(options.lease ?? "30 seconds")
  const margin = Duration.toSeconds(options.clockMargin ?? "2 minutes")
  // Amounts of two networks never meet.
  const budget = `${options.network}/${options.budget ?? "main"}`

  yield* Effect.mapError(
    migrate,
    (error) =>
      new LedgerUnavailable({ message: `The spend ledger cannot be opened: ${error.message}` })
  )
  const wallet = yield* Wallet.Wallet
  const payer = yield* Payer.Payer
  const room = yield* Room.make
  const ledger = yield* SpendLedger.make({
    budget,
    lease,
    owner: randomUUID(),
    wallet: wallet.id
  })
  const recovery = yield* Recovery.make({ ledger, room, lease, margin })

  /** reserve → intend → submit → settle, or release, or leave unknown. */
  const pay = Effect.fn("Treasury.pay")((spend: Spend) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const amount = yield* payable(spend.invoice)
        const intent = yield* reserve({ ...spend, amount }, restore)
        return yield* carryOut(intent, spend.invoice, restore).pipe(
          Effect.onError(() => recovery.letGo(intent)),
          Effect.ensuring(room.release)
        )
      })
    )
  )

  const carryOut = Effect.fnUntraced(function* (
    intent: SpendRecord,
    invoice: Bolt11.Invoice,
    restore: Room.Restore
  ) {
    yield* recovery.keepLease(intent)
    const submitted = yield* submit(intent)
    const proof = yield* restore(askWallet(submitted, invoice)).pipe(
      Effect.catchTags({
        PaymentFailed: (error) => release(submitted, error),
        PaymentUnknown: (error) => leaveUnknown(submitted, error)
      })
    )
    return yield* settle(submitted, proof)
  }, Effect.scoped)

  /** What every payment needs, whoever asks for it. */
  const payable = Effect.fnUntraced(function* (invoice: Bolt11.Invoice) {
    if (invoice.network !== options.network) {
      return yield* refuse(
        "wrong_network",
        `The invoice is for ${invoice.network}, but this budget is for ${options.network}.`
      )
    }
    if (Option.isNone(invoice.amount) || invoice.amount.value === 0) {
      return yield* refuse("no_amount", "The invoice names no amount. Ask for one that does.")
    }
    if (invoice.expiresAt <= (yield* UnixTime.now)) {
      return yield* refuse("expired", "The invoice has expired. Ask for a fresh one.")
    }
    if (invoice.minFinalCltvDelta > longestFinalCltvDelta) {
      return yield* refuse(
        "cltv_too_long",
        `The invoice could lock the money for ${invoice.minFinalCltvDelta} blocks; at most ${longestFinalCltvDelta} are allowed.`
      )
    }
    return invoice.amount.value
  })

  /** Holds amount and allowed fee, waiting for what is only held if that may help. */
  const reserve = Effect.fnUntraced(
    function* (spend: Spend & { readonly amount: Msat.Msat }, restore: Room.Restore) {
      const { limits } = yield* restore(rules)
      const attempt = Effect.gen(function* () {
        const rules = yield* restore(rulesWithFunds)
        const allowedFee = yield* withinCap(rules.limits, spend.amount, spend.cap)
        return yield* ledger.reserve({ ...spend, allowedFee }, rules)
      })
      return yield* room.retry(attempt, {
        mayPass: (error) => error._tag === "Refused" && error.mayPass,
        within: limits.wait,
        restore
      })
    },
    Effect.catchTag("Refused", ({ error }) => Effect.fail(error))
  )

  const submit = (intent: SpendRecord) =>
    Effect.flatMap(UnixTime.now, (now) =>
      ledger.submit(
        intent,
        Math.min(intent.invoiceExpiresAt, Math.ceil(now + Duration.toSeconds(payTimeout)))
      )
    )

  /** A payment whose end the wallet does not tell in time is looked up until the time is over. */
  const askWallet = (spend: SpendRecord, invoice: Bolt11.Invoice) =>
    Effect.flatMap(Clock.currentTimeMillis, (start) =>
      payer
        .pay({
          invoice,
          maxFee: spend.allowedFee,
          expiresAt: spend.payExpiresAt ?? spend.invoiceExpiresAt
        })
        .pipe(
          Effect.timeoutOrElse({
            duration: payTimeout,
            orElse: () => Effect.fail(unknown(spend, "the wallet did not answer in time"))
          }),
          Effect.filterOrFail(
            ({ preimage }) => Outcome.proves(spend.paymentHash)(preimage),
            () => unknown(spend, "the wallet showed the proof of another payment")
          ),
          Effect.catchTag("PaymentUnknown", (error) =>
            inquire(spend, error, start + Duration.toMillis(payTimeout))
          )
        )
    )

  const inquire = (spend: SpendRecord, error: PaymentUnknown, deadline: number) =>
    recovery.lookUp(spend).pipe(
      Effect.flatMap(
        (outcome): Effect.Effect<SpendLedger.Proof, PaymentFailed | PaymentUnknown> => {
          switch (outcome._tag) {
            case "Settled":
              return Effect.succeed(outcome)
            case "Failed":
              return Effect.fail(new PaymentFailed({ reason: "refused", message: outcome.note }))
            case "Open":
              return Effect.fail(error)
          }
        }
      ),
      Effect.catchTag("WalletUnavailable", () => Effect.fail(error)),
      Effect.retry({
        while: ({ _tag }) =>
          _tag === "PaymentUnknown"
            ? Effect.map(Clock.currentTimeMillis, (now) => now < deadline)
            : Effect.succeed(false),
        schedule: Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("5 seconds")])
      })
    )

  /** The money is gone: a ledger that fails now leaves the payment to recovery. */
  const settle = Effect.fnUntraced(function* (spend: SpendRecord, proof: SpendLedger.Proof) {
    const settled = yield* Effect.mapError(ledger.settle(spend.paymentHash, proof), ({ message }) =>
      unknown(spend, `paid, but not recorded. ${message}`)
    )
    return {
      paymentHash: settled.paymentHash,
      preimage: proof.preimage,
      amount: settled.amount,
      fee: Msat.subtract(costOf(settled), settled.amount),
      feeKnown: settled.fee !== undefined,
      leftToday: yield* leftToday
    } satisfies Settled
  })

  const release = (spend: SpendRecord, error: PaymentFailed) =>
    Effect.andThen(
      warned(ledger.fail(spend.paymentHash, `${error.reason}: ${error.message}`)),
      Effect.fail(error)
    )

  const leaveUnknown = (spend: SpendRecord, error: PaymentUnknown) =>
    Effect.andThen(
      warned(ledger.leaveUnknown(spend.paymentHash, error.message)),
      Effect.fail(error)
    )

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
    yield* Effect.catchTag(
      ledger.check({ tick, payee, approved, asked }, rules),
      "Refused",
      ({ error, mayPass }) =>
        mayPass && Duration.isPositive(rules.limits.wait) ? Effect.void : Effect.fail(error)
    )
  })

  const leftToday = Effect.gen(function* () {
    const { limits, zone } = yield* rules
    if (limits.daily === undefined) return undefined
    const { today } = yield* ledger.summary(zone)
    return Limits.leftOf({ most: limits.daily, ...today })
  }).pipe(
    // No reason to call a payment that was made and recorded anything else.
    Effect.catch(({ message }) => Effect.as(Effect.logWarning(message), undefined))
  )

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
      spentEver: totals.lifetime.spent,
      limits: Limits.general(limits, totals)
    }
  }).pipe(Effect.withSpan("Treasury.status"))

  /** The books are read on both sides of the wallet's answer, since payments go on meanwhile. */
  const audit = Effect.gen(function* () {
    const before = yield* ledger.everything
    const began = before.spends[0]?.reservedAt
    if (began === undefined) return Audit.ofBooks(before)
    const since = UnixTime.fromMillis(began)
    const { outgoing } = yield* available(wallet.transactions({ since }))
    const after = yield* ledger.everything
    const report = Audit.ofBooks(after)
    const differences = Audit.ofWallet({ before: before.spends, after: after.spends }, outgoing)
    return { ...report, findings: [...report.findings, ...differences] }
  }).pipe(Effect.withSpan("Treasury.audit"))

  return {
    pay,
    check,
    conclude: ledger.conclude,
    recover: recovery.recover,
    find: ledger.ofPurchase,
    status,
    freeze: ledger.freeze,
    unfreeze: ledger.unfreeze,
    audit
  }
})

const withinCap = (limits: Limits.Limits, amount: Msat.Msat, callersCap: Msat.Msat) => {
  const { limit, most } = Limits.capOf(limits, callersCap)
  return amount > most
    ? Effect.fail(new BudgetExhausted({ limit, most, ...Limits.unused, asked: amount }))
    : Effect.succeed(Limits.allowedFee(limits, amount, most))
}

const refuse = (reason: PaymentRefused["reason"], message: string) =>
  Effect.fail(new PaymentRefused({ reason, message }))

const unknown = (spend: SpendRecord, message: string): PaymentUnknown =>
  new PaymentUnknown({ paymentHash: spend.paymentHash, message })
