/**
 * Any wallet that speaks Nostr Wallet Connect (NIP-47 with NIP-44 encryption), over relays and
 * with a key of its own, as its connection URI says.
 *
 * The stream of incoming payments is made of the wallet's notifications: a wallet that sends
 * none, or a relay that loses some, leaves gaps, so whoever waits for money also looks up.
 */
import type { Bolt11, NwcUri } from "@farthing/protocol"
import { Key, Network, Nip47, Text } from "@farthing/protocol"
import { Relay, Signer, UnixTime } from "@farthing/relay"
import { Context, Duration, Effect, Layer, Option, Result, Schema, Scope, Stream } from "effect"
import * as Blocks from "./Blocks.ts"
import * as NwcConnection from "./NwcConnection.ts"
import * as NwcLock from "./NwcLock.ts"
import * as NwcPayment from "./NwcPayment.ts"
import * as NoHtlc from "./NoHtlc.ts"
import * as NwcTransaction from "./NwcTransaction.ts"
import type { PayRequest } from "./Payer.ts"
import { Payer, PaymentFailed } from "./Payer.ts"
import type { HoldInvoiceRequest, Incoming, InvoiceRequest } from "./Wallet.ts"
import {
  Unsupported,
  Wallet,
  WalletAnswerInvalid,
  WalletError,
  WalletId,
  WalletRefused,
  WalletUnreachable
} from "./Wallet.ts"

export interface Options {
  /** How long the wallet has to answer whatever does not pay; default 20 seconds. */
  readonly answerTimeout?: Duration.Input
  /** How long it has to answer a payment, before that is unknown; default 60 seconds. */
  readonly paymentTimeout?: Duration.Input
}

interface ListRange {
  readonly since?: number
  readonly limit?: number
}

/** How long a request that moves no money stays good, clocks that differ included. */
const requestSeconds = 600

/** Wallets cap what one page of `list_transactions` may hold. */
const pageSize = 50

/** The wallet, over relays that are given. */
export const make = Effect.fnUntraced(function* (
  uri: NwcUri.NwcUri,
  relay: Relay.Shape,
  { answerTimeout = "20 seconds", paymentTimeout = "60 seconds" }: Options = {}
): Effect.fn.Return<Context.Context<Wallet | Payer>, never, Scope.Scope> {
  const connection = yield* NwcConnection.make({ uri, relay, signer: Signer.make(uri.secret) })

  const id = idOf(uri)

  const ask = Effect.fnUntraced(function* <M extends Nip47.Method>(
    request: NwcConnection.RequestOf<M>
  ) {
    const expiresAt = (yield* UnixTime.now) + requestSeconds
    return yield* connection
      .ask<M>(request, { expiresAt, timeout: answerTimeout })
      .pipe(Effect.mapError(toWalletError))
  })

  let tip: Blocks.Tip | undefined

  /** Asks, and remembers the wallet's block height. */
  const askInfo = Effect.gen(function* () {
    const at = yield* UnixTime.now
    const said = yield* ask<"get_info">({ method: "get_info", params: {} })
    tip = said.block_height === undefined ? undefined : { height: said.block_height, at }
    return said
  })

  /** The wallet's block height, asked for when a block's time is over; none if it does not say. */
  const currentTip = Effect.gen(function* () {
    const now = yield* UnixTime.now
    if (tip === undefined || now - tip.at >= Blocks.seconds) yield* askInfo
    return Option.fromUndefinedOr(tip)
  }).pipe(Effect.orElseSucceed(() => Option.none<Blocks.Tip>()))

  const toIncoming = (transaction: Nip47.Transaction) =>
    Effect.map(NwcTransaction.saysDeadline(transaction) ? currentTip : Effect.succeedNone, (tip) =>
      NwcTransaction.toIncoming(transaction, tip)
    )

  /** None if the wallet knows no transaction of that hash. */
  const lookUp = (paymentHash: Bolt11.PaymentHash) =>
    ask<"lookup_invoice">({ method: "lookup_invoice", params: { payment_hash: paymentHash } }).pipe(
      Effect.flatMap((found) =>
        found.payment_hash === paymentHash
          ? Effect.succeedSome(found)
          : Effect.fail(answerInvalid("The wallet answered with another payment"))
      ),
      Effect.catchIf(isNotFound, () => Effect.succeedNone)
    )

  const lookupOutgoing = Effect.fn("NwcWallet.lookupOutgoing")(function* (
    paymentHash: Bolt11.PaymentHash
  ) {
    const found = yield* lookUp(paymentHash)
    return Option.isNone(found)
      ? Option.none()
      : yield* fromAnswer(NwcTransaction.toOutgoing(found.value))
  })

  const info = Effect.gen(function* () {
    const { alias, methods, network } = yield* askInfo
    // What this connection may do counts more than what the wallet can do in general.
    const offered = methods ?? Option.getOrUndefined(yield* connection.capabilities)?.methods ?? []
    return {
      id,
      alias: Text.printable(alias ?? "", 80),
      network: yield* networkOf(network),
      capabilities: {
        hold: holdMethods.every((it) => offered.includes(it)),
        lock: lockMethods.every((it) => offered.includes(it)),
        htlc: false,
        feeCap: false
      }
    }
  })

  /** Whether it says in public that it has not got all of these. */
  const lacks = (needed: ReadonlyArray<string>) =>
    Effect.map(connection.capabilities, (known) =>
      Option.exists(known, ({ methods }) => !needed.every((it) => methods.includes(it)))
    )

  const requireHold = Effect.flatMap(lacks(holdMethods), (lacking) =>
    lacking
      ? Effect.fail(
          new WalletError({
            reason: new Unsupported({ message: "The wallet cannot make hold invoices" })
          })
        )
      : Effect.void
  )

  /**
   * One page after the other, until there are enough or a page says nothing new. A page may begin
   * with what the last one ended with; what one page says twice counts twice.
   */
  const list = Effect.fnUntraced(function* (
    type: Nip47.Direction,
    { limit = Number.POSITIVE_INFINITY, since = 0 }: ListRange = {}
  ) {
    const found: Array<Nip47.Transaction> = []
    const seen = new Set<string>()
    for (let offset = 0; found.length < limit;) {
      const { transactions: page } = yield* ask<"list_transactions">({
        method: "list_transactions",
        params: { from: since, limit: Math.min(pageSize, limit), offset, unpaid: true, type }
      })
      const news = page.filter((it) => it.type === type && !seen.has(identityOf(it)))
      if (news.length === 0) break
      for (const it of news) seen.add(identityOf(it))
      found.push(...news)
      offset += page.length
    }
    return newestFirst(found).slice(0, limit)
  })

  const transactions = Effect.fn("NwcWallet.transactions")(function* (range?: ListRange) {
    const incoming = yield* Effect.forEach(yield* list("incoming", range), toIncoming)
    const outgoing = yield* Effect.forEach(yield* list("outgoing", range), (it) =>
      fromAnswer(NwcTransaction.toOutgoing(it))
    )
    return {
      incoming: incoming.flatMap(Option.toArray),
      outgoing: outgoing.flatMap(Option.toArray),
      transfers: []
    }
  })

  const wallet = Wallet.of({
    id,
    info: info.pipe(Effect.withSpan("NwcWallet.info")),
    balance: ask<"get_balance">({ method: "get_balance", params: {} }).pipe(
      Effect.map(({ balance }) => balance),
      Effect.withSpan("NwcWallet.balance")
    ),
    address: Effect.succeed(uri.lud16),
    makeInvoice: Effect.fn("NwcWallet.makeInvoice")(function* (request) {
      const made = yield* ask<"make_invoice">({
        method: "make_invoice",
        params: invoiceParams(request)
      })
      return yield* fromAnswer(NwcTransaction.toMadeInvoice(made, request))
    }),
    makeHoldInvoice: Effect.fn("NwcWallet.makeHoldInvoice")(function* (request) {
      yield* requireHold
      const made = yield* ask<"make_hold_invoice">({
        method: "make_hold_invoice",
        params: holdInvoiceParams(request)
      })
      return yield* fromAnswer(NwcTransaction.toMadeInvoice(made, request))
    }),
    quoteHtlc: NoHtlc.quoteHtlc,
    settleHoldInvoice: Effect.fn("NwcWallet.settleHoldInvoice")(function* (preimage) {
      yield* ask<"settle_hold_invoice">({ method: "settle_hold_invoice", params: { preimage } })
    }),
    cancelHoldInvoice: Effect.fn("NwcWallet.cancelHoldInvoice")(function* (paymentHash) {
      yield* ask<"cancel_hold_invoice">({
        method: "cancel_hold_invoice",
        params: { payment_hash: paymentHash }
      })
    }),
    lookupIncoming: Effect.fn("NwcWallet.lookupIncoming")(function* (paymentHash) {
      const found = yield* lookUp(paymentHash)
      return Option.isNone(found) ? Option.none() : yield* toIncoming(found.value)
    }),
    lookupOutgoing,
    transactions,
    incoming: connection.notifications.pipe(
      Stream.mapEffect((told): Effect.Effect<Option.Option<Incoming>> =>
        told.notification_type === "payment_sent"
          ? Effect.succeedNone
          : toIncoming(told.notification)
      ),
      Stream.flatMap((incoming) => Stream.fromIterable(Option.toArray(incoming)))
    )
  })

  const paymentOf = ({ invoice: { paymentHash } }: PayRequest): NwcPayment.Payment => ({
    paymentHash,
    record: lookupOutgoing(paymentHash)
  })

  /** Sends the order once, and returns what it came to. */
  const order = (request: PayRequest, { patient }: { readonly patient: boolean }) =>
    connection
      .ask<"pay_invoice">(
        { method: "pay_invoice", params: { invoice: request.invoice.bolt11 } },
        { expiresAt: request.expiresAt, timeout: paymentTimeout, patient }
      )
      .pipe(
        Effect.matchEffect({
          onFailure: (error) => NwcPayment.disproven(paymentOf(request), error),
          onSuccess: (paid) => NwcPayment.proven(paymentOf(request), paid)
        })
      )

  const scope = yield* Effect.scope

  const payer = Payer.of({
    capsFee: false,
    pay: Effect.fn("NwcWallet.pay")(function* (request) {
      yield* payable(request)
      return yield* order(request, { patient: false })
    }),
    lock: NoHtlc.invoicesOnly(
      Effect.fn("NwcWallet.lock")(function* (request) {
        yield* payable(request)
        if (yield* lacks(lockMethods)) {
          return yield* failed("refused", "The wallet cannot lock money, or not tell of it")
        }
        const paying = order(request, { patient: true })
        return yield* NwcLock.make(paymentOf(request), paying, paymentTimeout).pipe(
          Scope.provide(scope)
        )
      })
    ),
    resume: () => Effect.void
  })

  return Context.make(Wallet, wallet).pipe(Context.add(Payer, payer))
})

/** The wallet behind a connection URI, over a connection of its own. */
export const layer = (uri: NwcUri.NwcUri, options?: Options): Layer.Layer<Wallet | Payer> =>
  Layer.effectContext(
    Relay.make({ urls: uri.relays, signer: Signer.make(uri.secret) }).pipe(
      Effect.flatMap((relay) => make(uri, relay, options))
    )
  )

/** A wallet service knows an account by the key that the client signs with. */
const idOf = ({ secret, wallet }: NwcUri.NwcUri): WalletId =>
  WalletId.make(`nwc:${wallet}:${Key.publicKeyOf(secret)}`)

const payable = Effect.fnUntraced(function* ({ expiresAt, invoice }: PayRequest) {
  if ((yield* UnixTime.now) > expiresAt) return yield* failed("expired", "The order has expired")
  if (Option.isNone(invoice.amount)) return yield* failed("refused", "The invoice has no amount")
})

const failed = (reason: PaymentFailed["reason"], message: string) =>
  new PaymentFailed({ reason, message })

const holdMethods = ["make_hold_invoice", "settle_hold_invoice", "cancel_hold_invoice"]

const lockMethods = ["pay_invoice", "lookup_invoice"]

const holdInvoiceParams = ({ minFinalCltvDelta, paymentHash, ...request }: HoldInvoiceRequest) => ({
  ...invoiceParams(request),
  payment_hash: paymentHash,
  ...(minFinalCltvDelta === undefined ? {} : { min_cltv_expiry_delta: minFinalCltvDelta })
})

const invoiceParams = ({ amount, description, expiry }: InvoiceRequest) => ({
  amount,
  description,
  expiry: Math.max(1, Math.ceil(Duration.toSeconds(expiry)))
})

/** One attempt to pay, however it changes from pending to its end. */
const identityOf = (it: Nip47.Transaction): string => `${it.payment_hash} ${it.created_at ?? 0}`

const newestFirst = (entries: ReadonlyArray<Nip47.Transaction>) =>
  entries.toSorted((a, b) => (b.created_at ?? 0) - (a.created_at ?? 0))

/** Some wallets call mainnet by its chain. */
const networkOf = (name: string | undefined): Effect.Effect<Network.Network, WalletError> => {
  const network = name === "bitcoin" ? "mainnet" : name
  return Schema.is(Network.Network)(network)
    ? Effect.succeed(network)
    : Effect.fail(answerInvalid("The wallet does not say on which network it is"))
}

const fromAnswer = <A>(result: Result.Result<A, WalletAnswerInvalid>) =>
  Effect.fromResult(Result.mapError(result, (reason) => new WalletError({ reason })))

const answerInvalid = (message: string) =>
  new WalletError({ reason: new WalletAnswerInvalid({ message }) })

const isNotFound = ({ reason }: WalletError): boolean =>
  reason._tag === "WalletRefused" && reason.code === "NOT_FOUND"

const toWalletError = (error: NwcConnection.AskError): WalletError =>
  new WalletError({ reason: reasonOf(error) })

const reasonOf = (error: NwcConnection.AskError): WalletError["reason"] => {
  const message = Text.printable(error.message)
  switch (error._tag) {
    case "NotDelivered":
      return error.reason === "unsupported"
        ? new Unsupported({ message })
        : new WalletUnreachable({ message })
    case "NoAnswer":
      return new WalletUnreachable({ message })
    case "NotUnderstood":
      return new WalletAnswerInvalid({ message })
    case "Refused":
      return error.code === "NOT_IMPLEMENTED" || error.code === "UNSUPPORTED_ENCRYPTION"
        ? new Unsupported({ message })
        : new WalletRefused({ code: Text.printable(error.code, 40), message })
  }
}
