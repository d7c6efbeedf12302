/** The bank over a SQLite book. Several processes may keep one book at the same time. */
import { Bolt11, Hex, Msat, Network, Secp256k1 } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Duration, Effect, Layer, Option, Redacted, Stream } from "effect"
import type { Scope } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import type { FeeSchedule, MakeInvoice, Shape } from "./Bank.ts"
import { Bank, BankError, BookUnavailable, InvalidRequest, UnknownAccount } from "./Bank.ts"
import * as BankAudit from "./BankAudit.ts"
import * as BankKeys from "./BankKeys.ts"
import * as BankPayments from "./BankPayments.ts"
import * as BankSchema from "./BankSchema.ts"
import * as BankStore from "./BankStore.ts"
import * as BankWatch from "./BankWatch.ts"
import type { Locked, Paid, PayRequest } from "./Payer.ts"
import { PaymentFailed, PaymentUnknown } from "./Payer.ts"

export interface Options {
  /** A book belongs to one network for good. */
  readonly network: Network.Network
  /** Default: no fees. */
  readonly fees?: FeeSchedule
  /**
   * How often the book is read for what other processes did and for locks that ran out; default
   * 500 milliseconds.
   */
  readonly lookAround?: Duration.Input
}

const noFees: FeeSchedule = { base: Msat.zero, ppm: 0 }

/** BOLT 11's default for a plain invoice; a day for one whose payment waits for its owner. */
const finalCltvDelta = { plain: 18, hold: 144 }

/** Blocks; nodes of the Lightning network lock money for two weeks at the most. */
const longestDelta = 2_016

export const make = (
  options: Options
): Effect.Effect<Shape, BankError, SqlClient.SqlClient | Scope.Scope> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* BankSchema.migrate.pipe(Effect.mapError(unavailable))
    const store = BankStore.make(sql)
    const seed = yield* identify(store, options.network)
    const nodeKey = Hex.toBytes(Redacted.value(BankKeys.derive(seed, "node")))
    const watch = yield* BankWatch.make(store, sql, options.lookAround ?? "500 millis")

    const transaction = <A, E>(effect: Effect.Effect<A, E>) =>
      sql.withTransaction(Effect.tap(effect, sql.afterCommit(watch.wake)))

    const guard = <A, E extends BankError["reason"] | SqlError.SqlError>(
      effect: Effect.Effect<A, E>
    ) => Effect.mapError(effect, toBankError)

    const feeFor = feeOf(options.fees ?? noFees)

    const open = Effect.fn("Bank.open")(function* (account: string, balance?: Msat.Msat) {
      const now = yield* UnixTime.now
      yield* customerName(account).pipe(
        Effect.andThen(store.openAccount(account)),
        Effect.flatMap((isNew) =>
          isNew && balance !== undefined ? mintFor(store, account, balance, now) : Effect.void
        ),
        transaction,
        guard
      )
    })

    const deposit = Effect.fn("Bank.deposit")(function* (account: string, amount: Msat.Msat) {
      const now = yield* UnixTime.now
      yield* requireAccount(store, account).pipe(
        Effect.andThen(mintFor(store, account, amount, now)),
        transaction,
        guard
      )
    })

    const makeInvoice = Effect.fn("Bank.makeInvoice")(function* (
      account: string,
      request: MakeInvoice
    ) {
      yield* guard(payableAmount(request.amount))
      yield* guard(soundDelta(request.minFinalCltvDelta))
      const now = yield* UnixTime.now
      const preimage = (yield* BankKeys.randomSecret) as Bolt11.Preimage
      const paymentHash = request.paymentHash ?? Bolt11.hashOf(preimage)
      const hold = request.paymentHash !== undefined
      const expirySeconds = Math.max(1, Math.ceil(Duration.toSeconds(request.expiry)))
      const row: BankStore.InvoiceRow = {
        payment_hash: paymentHash,
        account,
        bolt11: Bolt11.encode(
          {
            network: options.network,
            amount: Option.some(request.amount),
            createdAt: now,
            expirySeconds,
            paymentHash,
            paymentSecret: yield* BankKeys.randomSecret,
            description: request.description,
            minFinalCltvDelta: hold
              ? (request.minFinalCltvDelta ?? finalCltvDelta.hold)
              : finalCltvDelta.plain
          },
          nodeKey
        ),
        amount: request.amount,
        hold: hold ? 1 : 0,
        preimage: hold ? null : preimage,
        state: "pending",
        created_at: now,
        expires_at: now + expirySeconds,
        held_until: null,
        settled_at: null
      }
      yield* requireAccount(store, account).pipe(
        Effect.andThen(store.insertInvoice(row)),
        Effect.catchIf(isUniqueViolation, () =>
          Effect.fail(new InvalidRequest({ message: "The payment hash has an invoice already" }))
        ),
        guard
      )
      return BankStore.toInvoice(row, now)
    })

    const settleHold = Effect.fn("Bank.settleHold")(function* (
      payee: string,
      preimage: Bolt11.Preimage
    ) {
      const now = yield* UnixTime.now
      yield* BankPayments.releaseOverdue(store, now).pipe(transaction, guard)
      yield* BankPayments.settle(store, { payee, preimage, now }).pipe(transaction, guard)
    })

    const cancelHold = Effect.fn("Bank.cancelHold")(function* (
      payee: string,
      paymentHash: Bolt11.PaymentHash
    ) {
      const now = yield* UnixTime.now
      yield* BankPayments.cancel(store, { payee, paymentHash, now }).pipe(transaction, guard)
    })

    const begin = Effect.fnUntraced(function* (
      payer: string,
      request: PayRequest
    ): Effect.fn.Return<Locked, PaymentFailed | PaymentUnknown> {
      const { paymentHash, amount } = request.invoice
      const unknown = ({ message }: SqlError.SqlError) =>
        new PaymentUnknown({ paymentHash, message })
      const now = yield* UnixTime.now
      const fee = feeFor(Option.getOrElse(amount, () => Msat.zero))
      const begun = yield* BankPayments.begin(store, { payer, request, fee, now }).pipe(
        transaction,
        Effect.catchTag("SqlError", (error) => Effect.fail(unknown(error)))
      )
      return begun?.state === "pending"
        ? {
            end: watch.outcome(paymentHash).pipe(Effect.mapError(unknown), Effect.flatMap(paidBy))
          }
        : { end: Effect.succeed(yield* paidBy(begun)) }
    })

    return Bank.of({
      network: options.network,
      nodeId: Hex.fromBytes(Secp256k1.publicKeyCompressed(nodeKey)),
      feeFor,
      keyOf: (account, purpose) => BankKeys.derive(seed, `${purpose}/${account}`),
      open,
      deposit,
      makeInvoice,
      settleHold,
      cancelHold,
      pay: Effect.fn("Bank.pay")((payer, request) =>
        Effect.flatMap(begin(payer, request), ({ end }) => end)
      ),
      lock: Effect.fn("Bank.lock")(begin),
      changes: (account) => Stream.mapError(watch.changes(account), unavailable),
      balance: Effect.fn("Bank.balance")((account: string) =>
        requireAccount(store, account).pipe(Effect.map(Msat.make), guard)
      ),
      findInvoice: Effect.fn("Bank.findInvoice")(function* (account, paymentHash) {
        const row = yield* guard(store.invoice(paymentHash))
        const now = yield* UnixTime.now
        return row?.account === account ? Option.some(BankStore.toInvoice(row, now)) : Option.none()
      }),
      findPayment: Effect.fn("Bank.findPayment")(function* (account, paymentHash) {
        const row = yield* guard(store.payment(paymentHash))
        return row?.account === account ? Option.some(BankStore.toPayment(row)) : Option.none()
      }),
      transactions: Effect.fn("Bank.transactions")(function* (account, range) {
        const now = yield* UnixTime.now
        const within = { account, since: range?.since ?? 0, limit: range?.limit ?? -1 }
        const invoices = yield* guard(store.invoices(within))
        const payments = yield* guard(store.paymentsOf(within))
        return {
          incoming: invoices.map((row) => BankStore.toInvoice(row, now)),
          outgoing: payments.map(BankStore.toPayment)
        }
      }),
      audit: guard(BankAudit.make(sql))
    })
  })

export const layer = (options: Options): Layer.Layer<Bank, BankError, SqlClient.SqlClient> =>
  Layer.effect(Bank, make(options))

const feeOf =
  (fees: FeeSchedule) =>
  (amount: Msat.Msat): Msat.Msat =>
    Msat.add(
      fees.base,
      Msat.make(Number((BigInt(amount) * BigInt(fees.ppm) + 999_999n) / 1_000_000n))
    )

const identify = Effect.fnUntraced(function* (
  store: BankStore.BankStore,
  network: Network.Network
) {
  const seed = yield* BankKeys.randomSecret
  const book = yield* store.identity({ network, seed }).pipe(Effect.mapError(unavailable))
  if (book.network !== network) {
    return yield* unavailable({ message: `The book belongs to ${book.network}, not ${network}` })
  }
  return Redacted.make(book.seed)
})

const mintFor = (store: BankStore.BankStore, account: string, amount: Msat.Msat, now: number) =>
  store.post({
    kind: "deposit",
    paymentHash: null,
    now,
    entries: [
      [BankSchema.mint, -amount],
      [account, amount]
    ]
  })

const customerName = (account: string) =>
  account === "" || BankSchema.houseAccounts.includes(account)
    ? Effect.fail(new InvalidRequest({ message: `No account can be called "${account}"` }))
    : Effect.void

/** What a payment that is over came to. */
const paidBy = (payment: BankStore.PaymentRow | undefined): Effect.Effect<Paid, PaymentFailed> =>
  payment?.state === "settled" && payment.preimage !== null
    ? Effect.succeed({ preimage: payment.preimage, fee: payment.fee })
    : Effect.fail(
        new PaymentFailed({
          reason: "refused",
          message: "The payee gave the money back, or did not take it in time"
        })
      )

/** The balance of a customer's account, in msat. */
const requireAccount = Effect.fnUntraced(function* (store: BankStore.BankStore, account: string) {
  const balance = BankSchema.houseAccounts.includes(account)
    ? undefined
    : yield* store.balance(account)
  return balance ?? (yield* new UnknownAccount({ message: `There is no account ${account}` }))
})

const payableAmount = (amount: Msat.Msat) =>
  amount === 0
    ? Effect.fail(new InvalidRequest({ message: "An invoice needs an amount" }))
    : Effect.void

const soundDelta = (blocks = finalCltvDelta.hold) =>
  Number.isInteger(blocks) && blocks > 0 && blocks <= longestDelta
    ? Effect.void
    : Effect.fail(
        new InvalidRequest({ message: `Money is locked for 1 to ${longestDelta} blocks` })
      )

const isUniqueViolation = (error: unknown): error is SqlError.SqlError =>
  SqlError.isSqlError(error) && error.reason._tag === "UniqueViolation"

const unavailable = (cause: { readonly message: string }) =>
  new BankError({ reason: new BookUnavailable({ message: cause.message }) })

const toBankError = (error: BankError["reason"] | SqlError.SqlError): BankError =>
  SqlError.isSqlError(error) ? unavailable(error) : new BankError({ reason: error })
