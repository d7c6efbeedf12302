/**
 * A wallet on Spark: the money is the owner's own, kept with the operators of Spark; Lightning is
 * reached through its service provider. Its keys are derived from a BIP-39 mnemonic and an account
 * number, which bring the money back anywhere; a book of its own in the database remembers what was
 * asked for.
 *
 * - Whole sats alone are moved; what is not is refused, never rounded.
 * - What became of a payment is what the operators say, by its payment hash.
 * - A hold invoice or HTLC that is cancelled is not taken any more, but its money returns to the payer
 *   only when its lock ends: Spark cannot give it back earlier.
 * - Hold invoices are made only at local operators: whether the hosted service provider's can be
 *   settled was never seen.
 *
 * The SDK (`@buildonspark/spark-sdk`) is loaded when a wallet is opened, and not before.
 */
import { Key, Network } from "@farthing/protocol"
import type { Redacted } from "effect"
import { Context, Duration, Effect, Exit, Layer, Schema, Scope } from "effect"
import type { SqlClient } from "effect/sql"
import { Payer } from "./Payer.ts"
import type { SparkConnection } from "./SparkConnection.ts"
import type { Account as Keys, SdkSession } from "./spark/SdkSession.ts"
import * as SparkBook from "./spark/SparkBook.ts"
import { told } from "./spark/SparkErrors.ts"
import * as SparkHistory from "./spark/SparkHistory.ts"
import * as SparkIncoming from "./spark/SparkIncoming.ts"
import * as SparkInvoices from "./spark/SparkInvoices.ts"
import * as SparkMemory from "./spark/SparkMemory.ts"
import * as SparkNotices from "./spark/SparkNotices.ts"
import * as SparkOutgoing from "./spark/SparkOutgoing.ts"
import * as SparkPayments from "./spark/SparkPayments.ts"
import { Wallet, WalletId } from "./Wallet.ts"

/** Which wallet it is. */
export interface Account {
  /** BIP-39, of English words. */
  readonly mnemonic: Redacted.Redacted<string>
  /** Another account has other keys, and other money. */
  readonly account: number
  /** Spark lives on mainnet and regtest. */
  readonly network: Network.Network
  /** Operators on this machine; on regtest alone. Without it the hosted ones. */
  readonly local?: SparkConnection
}

export interface Options extends Account {
  /** How long Spark has to answer whatever does not pay; default 20 seconds. */
  readonly answerTimeout?: Duration.Input
  /** How long it has to make a payment, before that is unknown; default 60 seconds. */
  readonly paymentTimeout?: Duration.Input
  /** How long it may take to open the wallet; default 60 seconds. */
  readonly openTimeout?: Duration.Input
}

/** The wallet, open until the scope closes. */
export const make = Effect.fnUntraced(function* ({
  answerTimeout = "20 seconds",
  openTimeout = "60 seconds",
  paymentTimeout = "60 seconds",
  ...account
}: Options): Effect.fn.Return<
  Context.Context<Wallet | Payer>,
  SparkUnavailable | SparkNetworkUnsupported,
  SqlClient.SqlClient | Scope.Scope
> {
  const { network } = account
  const keys = yield* checked(account)
  const session = yield* open(keys, {
    answerTimeout: Duration.fromInputUnsafe(answerTimeout),
    openTimeout: Duration.fromInputUnsafe(openTimeout)
  })
  const id = WalletId.make(`spark:${network}:${session.identity}`)
  const canHold = account.local !== undefined

  const book = yield* Effect.mapError(SparkBook.make(id), () => unavailable("book", noBook))
  const memory = SparkMemory.make({ session, book })
  const incoming = SparkIncoming.make({ session, book, memory })
  const invoices = SparkInvoices.make({ session, book, network, canHold })
  const outgoing = SparkOutgoing.make({ session, book })
  const history = SparkHistory.make({ session, book, memory, incoming, outgoing })
  const payments = yield* SparkPayments.make({
    session,
    book,
    outgoing,
    network,
    timeout: Duration.fromInputUnsafe(paymentTimeout)
  })

  const wallet = Wallet.of({
    id,
    info: Effect.succeed({
      id,
      alias: "Spark",
      network,
      capabilities: { hold: canHold, lock: true, htlc: true, feeCap: true }
    }),
    balance: balanceOf(session).pipe(Effect.withSpan("SparkWallet.balance")),
    address: Effect.succeedSome(session.address),
    makeInvoice: Effect.fn("SparkWallet.makeInvoice")(invoices.makeInvoice),
    makeHoldInvoice: Effect.fn("SparkWallet.makeHoldInvoice")(invoices.makeHoldInvoice),
    quoteHtlc: Effect.fn("SparkWallet.quoteHtlc")(invoices.quoteHtlc),
    settleHoldInvoice: Effect.fn("SparkWallet.settleHoldInvoice")(incoming.settle),
    cancelHoldInvoice: Effect.fn("SparkWallet.cancelHoldInvoice")(incoming.cancel),
    lookupIncoming: Effect.fn("SparkWallet.lookupIncoming")(incoming.lookUp),
    lookupOutgoing: Effect.fn("SparkWallet.lookupOutgoing")(outgoing.lookUp),
    transactions: Effect.fn("SparkWallet.transactions")(history),
    incoming: SparkNotices.make({ session, book, incoming })
  })

  const payer = Payer.of({
    capsFee: true,
    pay: Effect.fn("SparkWallet.pay")(payments.pay),
    lock: Effect.fn("SparkWallet.lock")(payments.lock),
    resume: Effect.fn("SparkWallet.resume")(payments.resume)
  })

  return Context.make(Wallet, wallet).pipe(Context.add(Payer, payer))
})

export const layer = (
  options: Options
): Layer.Layer<Wallet | Payer, SparkUnavailable | SparkNetworkUnsupported, SqlClient.SqlClient> =>
  Layer.effectContext(make(options))

/** The wallet's Spark address (bech32m); nobody is asked for it. */
export const addressOf = (account: Account) =>
  Effect.map(namesOf(account), ({ address }) => address)

/** The wallet's identity key (33 bytes in hex), which its id is made of; nobody is asked for it. */
export const identityOf = (account: Account) =>
  Effect.map(namesOf(account), ({ identity }) => identity)

const namesOf = Effect.fnUntraced(function* (account: Account) {
  const keys = yield* checked(account)
  const sdk = yield* loaded
  return yield* sdk.namesOf(keys)
})

const open = Effect.fnUntraced(function* (
  keys: Keys,
  {
    answerTimeout,
    openTimeout
  }: { readonly answerTimeout: Duration.Duration; readonly openTimeout: Duration.Duration }
) {
  const sdk = yield* loaded
  // What was opened half-way is closed at once, not with what it was to be a part of.
  const scope = yield* Scope.fork(yield* Effect.scope)
  return yield* sdk.open({ ...keys, answerTimeout }).pipe(
    Scope.provide(scope),
    Effect.mapError(({ message }) => unavailable("unreachable", `Spark: ${message}`)),
    Effect.timeoutOrElse({
      duration: openTimeout,
      orElse: () => Effect.fail(unavailable("unreachable", "Spark did not answer in time"))
    }),
    Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
  )
})

/** What has come is claimed first, as far as that succeeds: it is ours, and can be spent. */
const balanceOf = (session: SdkSession): Wallet["Service"]["balance"] =>
  Effect.andThen(Effect.ignore(session.claimPending, { log: "Debug" }), told(session.balance))

const checked = Effect.fnUntraced(function* ({
  account,
  local,
  mnemonic,
  network
}: Account): Effect.fn.Return<Keys, SparkUnavailable | SparkNetworkUnsupported> {
  if (network !== "mainnet" && network !== "regtest") {
    return yield* new SparkNetworkUnsupported({
      network,
      message: `Spark lives on mainnet and regtest, not on ${network}`
    })
  }
  if (local !== undefined && (network !== "regtest" || !isLocal(local))) {
    return yield* unavailable("account", "Operators of one's own are for this machine and regtest")
  }
  if (!(Number.isInteger(account) && account >= 0 && account < 2 ** 31)) {
    return yield* unavailable("account", "A wallet's account number is 0 to 2147483647")
  }
  const seed = yield* Effect.mapError(Key.seedOf(mnemonic), ({ message }) =>
    unavailable("account", `The wallet's mnemonic is ${message}`)
  )
  return { seed, account, network, local }
})

/** Their certificates are not checked, so nothing of them leaves this machine. */
const isLocal = ({ operators, serviceProvider }: SparkConnection): boolean =>
  [serviceProvider.url, ...operators.map(({ address }) => address)].every(
    (url) => URL.canParse(url) && loopback.has(new URL(url).hostname)
  )

const loopback = new Set(["localhost", "127.0.0.1", "[::1]"])

const loaded = Effect.tryPromise({
  try: () => import("./spark/SdkSession.ts"),
  catch: (error) =>
    isMissing(error)
      ? unavailable(
          "sdk_missing",
          "The Spark SDK is not installed. Install it with: npm install @buildonspark/spark-sdk"
        )
      : unavailable("sdk_missing", "The Spark SDK could not be loaded")
})

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND"

const noBook = "The wallet's own book cannot be used"

/** `account`: what it was told to open is none. `unreachable`: Spark did not answer, or not well. */
export const UnavailableReason = Schema.Literals(["sdk_missing", "account", "unreachable", "book"])

/** The wallet could not be opened. */
export class SparkUnavailable extends Schema.TaggedError<SparkUnavailable>()("SparkUnavailable", {
  reason: UnavailableReason,
  message: Schema.String
}) {}

/** Spark does not live on that network. */
export class SparkNetworkUnsupported extends Schema.TaggedError<SparkNetworkUnsupported>()(
  "SparkNetworkUnsupported",
  { network: Network.Network, message: Schema.String }
) {}

const unavailable = (reason: SparkUnavailable["reason"], message: string) =>
  new SparkUnavailable({ reason, message })
