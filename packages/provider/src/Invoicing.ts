/**
 * The money part of a quote: a plain invoice, a hold invoice on the hash of whoever has the preimage,
 * or an HTLC to our Spark address on the customer's.
 */
import { AgentMessage, Bolt11, PaymentRequest, Settlement, SparkHtlc } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import type { Wallet } from "@farthing/wallet"
import { Duration, Effect, Option, Redacted, Result } from "effect"
import { randomBytes } from "node:crypto"
import { isModern, type Job, type Request } from "./Job.ts"
import type { Refusal } from "./Judgement.ts"
import { isLocked } from "./Mode.ts"
import * as Prices from "./Prices.ts"
import type { BookUnavailable, Shape as ProviderBook } from "./ProviderBook.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"
import type { Resolved } from "./ProviderOptions.ts"

/** A job as it can be paid, and what tells its customer so. */
export interface Quotation {
  readonly job: Job
  readonly says: AgentMessage.Invoice | AgentMessage.EscrowQuote
}

export interface Invoicing {
  /** What is to be quoted, or why nothing is. */
  readonly invoice: (
    request: Request
  ) => Effect.Effect<Result.Result<Quotation, Refusal>, BookUnavailable>
  /** Nobody is to pay a hold invoice that was never quoted. */
  readonly withdraw: (job: Job) => Effect.Effect<void>
}

/** What the wallet waits for from now on. */
interface Asked extends Pick<Job, "amount" | "preimage" | "paymentHash" | "invoiceExpiresAt"> {
  readonly request: Pick<Bolt11.Invoice, "bolt11"> | SparkHtlc.SparkHtlc
}

type Made = Result.Result<Asked, Refusal>

/** For the wallet to make an invoice. */
const patience = "15 seconds"

/** In seconds: what is locked for longer than a day nobody should have to wait for. */
const longestLock = 24 * 60 * 60

export const make = (services: {
  readonly wallet: Wallet.Shape
  readonly book: Pick<ProviderBook, "usesHash">
  readonly options: Resolved
  readonly tell: (event: ProviderEvent) => Effect.Effect<void>
}): Invoicing => {
  const { book, options, tell, wallet } = services
  const expirySeconds = Math.ceil(Duration.toSeconds(options.invoiceExpiry))

  const termsOf = ({ id, model }: Request): Wallet.InvoiceRequest => ({
    amount: Prices.of(options, model),
    description: `Inference, ${AgentMessage.jobIdOf(id)}`,
    expiry: options.invoiceExpiry
  })

  const attempt = <A>(asking: Effect.Effect<A, Wallet.WalletError>) =>
    Effect.result(Effect.timeout(asking, patience))

  const complain = (message: string): Effect.Effect<Made> =>
    Effect.as(tell({ _tag: "Trouble", message }), Result.fail(noInvoice))

  const orComplain = <E extends { readonly message: string }>(
    made: Result.Result<Asked, E>
  ): Effect.Effect<Made> =>
    Result.isSuccess(made)
      ? Effect.succeed(Result.succeed(made.success))
      : complain(made.failure.message)

  const ofInvoice = ({ amount, bolt11, createdAt, paymentHash }: Wallet.Incoming): Asked => ({
    request: { bolt11 },
    amount,
    paymentHash,
    invoiceExpiresAt: createdAt + expirySeconds
  })

  const upfront = (request: Request) =>
    Effect.flatMap(attempt(Effect.map(wallet.makeInvoice(termsOf(request)), ofInvoice)), orComplain)

  /** The preimage is the customer's. A hash that is known may be that of somebody else's money. */
  const escrow = Effect.fnUntraced(function* (
    request: Request
  ): Effect.fn.Return<Made, BookUnavailable> {
    const { payment_hash: paymentHash } = request.message
    if (paymentHash === undefined || (yield* book.usesHash(paymentHash)))
      return Result.fail(usedHash)
    const { again, begin } = request.rail === "spark" ? overSpark : overLightning
    const made = yield* attempt(begin(request, paymentHash))
    if (Result.isSuccess(made)) return Result.succeed(made.success)
    const known = yield* wallet
      .lookupIncoming(paymentHash)
      .pipe(Effect.timeout(patience), Effect.option, Effect.map(Option.flatten))
    if (Option.isNone(known)) return yield* orComplain(made)
    // A process of ours may have made it for this very request, and died or be about to quote it.
    const same = yield* attempt(again(request, known.value))
    if (Result.isFailure(same)) return yield* complain(same.failure.message)
    return Result.fromOption(same.success, () => usedHash)
  })

  /** How an escrow's money is asked for, and what was asked for already. */
  interface Rail {
    readonly begin: (
      request: Request,
      paymentHash: Bolt11.PaymentHash
    ) => Effect.Effect<Asked, Wallet.WalletError>
    readonly again: (
      request: Request,
      known: Wallet.Incoming
    ) => Effect.Effect<Option.Option<Asked>, Wallet.WalletError>
  }

  const overLightning: Rail = {
    begin: (request, paymentHash) =>
      Effect.map(wallet.makeHoldInvoice({ ...termsOf(request), paymentHash }), ofInvoice),
    again: (request, known) =>
      Effect.succeed(
        Option.map(
          Option.liftPredicate(known, (it) => isFor(it, termsOf(request))),
          ofInvoice
        )
      )
  }

  /** The name of the request is not in it: who has the preimage is safe whoever else asks. */
  const overSpark: Rail = {
    begin: Effect.fnUntraced(function* (request, paymentHash) {
      const { amount, expiry } = termsOf(request)
      const lock = Duration.seconds(yield* lockFor(request))
      return ofHtlc(yield* wallet.quoteHtlc({ amount, expiry, lock, paymentHash }))
    }),
    again: Effect.fnUntraced(function* (
      request,
      { amount, bolt11, createdAt, paymentHash, state }
    ) {
      const address = yield* wallet.address
      const isSame = state === "pending" && bolt11 === "" && amount === termsOf(request).amount
      if (!isSame || Option.isNone(address)) return Option.none()
      const lockSeconds = yield* lockFor(request)
      const expiresAt = createdAt + expirySeconds
      const terms = { address: address.value, amount, paymentHash, expiresAt, lockSeconds }
      return Option.map(Result.getSuccess(SparkHtlc.make(terms)), ofHtlc)
    })
  }

  /** In seconds: as long as we or the customer take the job to last, and time to release and claim. */
  const lockFor = ({ message }: Request) =>
    Effect.map(UnixTime.now, (now) => {
      const ours = Math.ceil(Duration.toSeconds(options.jobTimeout))
      const margin = Settlement.lockMargin + Settlement.lastSeconds
      const theirs = Math.min((message.expires_at ?? now) - now, longestLock - margin)
      return Math.max(ours, theirs) + margin
    })

  const sealed = Effect.fnUntraced(function* (request: Request) {
    const preimage = Bolt11.Preimage.make(randomBytes(32).toString("hex"))
    const terms = { ...termsOf(request), paymentHash: Bolt11.hashOf(preimage) }
    const made = yield* attempt(Effect.map(wallet.makeHoldInvoice(terms), ofInvoice))
    return yield* orComplain(
      Result.map(made, (asked) => ({ ...asked, preimage: Redacted.make(preimage) }))
    )
  })

  const makeFor: Readonly<
    Record<Job["settlement"], (request: Request) => Effect.Effect<Made, BookUnavailable>>
  > = { upfront, escrow, sealed }

  return {
    invoice: (request) =>
      Effect.map(makeFor[request.settlement](request), Result.map(quoting(request))),
    withdraw: ({ paymentHash, settlement }) =>
      settlement === "upfront" ? Effect.void : Effect.ignore(wallet.cancelHoldInvoice(paymentHash))
  }
}

const ofHtlc = (htlc: SparkHtlc.SparkHtlc): Asked => ({
  request: htlc,
  amount: htlc.amount,
  paymentHash: htlc.paymentHash,
  invoiceExpiresAt: htlc.expiresAt
})

const quoting =
  (request: Request) =>
  ({ request: asked, ...money }: Asked): Quotation =>
    "lockSeconds" in asked
      ? {
          job: { ...request, ...money, bolt11: PaymentRequest.textOf(asked) },
          says: toEscrowQuote(request, asked)
        }
      : invoiced({ ...request, ...money, bolt11: asked.bolt11 })

const invoiced = (job: Job): Quotation => ({ job, says: toInvoice(job) })

const toInvoice = (job: Job): AgentMessage.Invoice => ({
  type: "Invoice",
  job_id: AgentMessage.jobIdOf(job.id),
  bolt11: job.bolt11,
  amount_msats: job.amount,
  payment_hash: job.paymentHash,
  ...(isModern(job.message)
    ? { request_id: job.id, settlement: job.settlement, expires_at: job.invoiceExpiresAt }
    : {}),
  ...(isLocked(job.settlement) ? { hold: true } : {})
})

const toEscrowQuote = (
  { id }: Request,
  { address, amount, expiresAt, lockSeconds, paymentHash }: SparkHtlc.SparkHtlc
): AgentMessage.EscrowQuote => ({
  type: "EscrowQuote",
  request_id: id,
  job_id: AgentMessage.jobIdOf(id),
  rail: "spark",
  spark_address: address,
  amount_msats: amount,
  payment_hash: paymentHash,
  lock_secs: lockSeconds,
  expires_at: expiresAt
})

const isFor = (
  { amount, bolt11, state }: Wallet.Incoming,
  terms: Wallet.InvoiceRequest
): boolean => {
  if (state !== "pending" || amount !== terms.amount) return false
  const invoice = Result.getOrUndefined(Bolt11.decode(bolt11))
  return invoice !== undefined && Option.contains(invoice.description, terms.description)
}

const noInvoice: Refusal = {
  code: "over_capacity",
  message: "no invoice can be made now; try again later"
}

const usedHash: Refusal = {
  code: "invalid_request",
  message: "the payment_hash is known already: an escrow needs a new one"
}
