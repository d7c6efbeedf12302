/**
 * The invoice of a quote: a plain one, or a hold invoice on the hash of whoever has the preimage.
 */
import { AgentMessage, Bolt11 } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import { Duration, Effect, Option, Redacted, Result } from "effect"
import { randomBytes } from "node:crypto"
import type { Job, Request } from "./Job.ts"
import type { Refusal } from "./Judgement.ts"
import * as Prices from "./Prices.ts"
import type { BookUnavailable, Shape as ProviderBook } from "./ProviderBook.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"
import type { Resolved } from "./ProviderOptions.ts"

export interface Invoicing {
  /** The job as it can be paid, or why it cannot. */
  readonly invoice: (
    request: Request
  ) => Effect.Effect<Result.Result<Job, Refusal>, BookUnavailable>
  /** Nobody is to pay a hold invoice that was never quoted. */
  readonly withdraw: (job: Job) => Effect.Effect<void>
}

type Made = Result.Result<Wallet.Incoming & Pick<Job, "preimage">, Refusal>

/** For the wallet to make an invoice. */
const patience = "15 seconds"

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

  const attempt = (invoice: Effect.Effect<Wallet.Incoming, Wallet.WalletError>) =>
    Effect.result(Effect.timeout(invoice, patience))

  const orComplain = (made: Effect.Success<ReturnType<typeof attempt>>): Effect.Effect<Made> =>
    Result.isSuccess(made)
      ? Effect.succeed(Result.succeed(made.success))
      : Effect.as(tell({ _tag: "Trouble", message: made.failure.message }), Result.fail(noInvoice))

  const upfront = (request: Request) =>
    Effect.flatMap(attempt(wallet.makeInvoice(termsOf(request))), orComplain)

  /** The preimage is the customer's. A hash that is known may be that of somebody else's money. */
  const escrow = Effect.fnUntraced(function* (
    request: Request
  ): Effect.fn.Return<Made, BookUnavailable> {
    const { payment_hash: paymentHash } = request.message
    if (paymentHash === undefined || (yield* book.usesHash(paymentHash)))
      return Result.fail(usedHash)
    const terms = { ...termsOf(request), paymentHash }
    const made = yield* attempt(wallet.makeHoldInvoice(terms))
    if (Result.isSuccess(made)) return Result.succeed(made.success)
    const known = yield* wallet
      .lookupIncoming(paymentHash)
      .pipe(Effect.timeout(patience), Effect.option, Effect.map(Option.flatten))
    if (Option.isNone(known)) return yield* orComplain(made)
    // A process of ours may have made it for this very request, and died or be about to quote it.
    return isFor(known.value, terms) ? Result.succeed(known.value) : Result.fail(usedHash)
  })

  const sealed = Effect.fnUntraced(function* (request: Request) {
    const preimage = Bolt11.Preimage.make(randomBytes(32).toString("hex"))
    const terms = { ...termsOf(request), paymentHash: Bolt11.hashOf(preimage) }
    const made = yield* Effect.flatMap(attempt(wallet.makeHoldInvoice(terms)), orComplain)
    return Result.map(made, (invoice) => ({ ...invoice, preimage: Redacted.make(preimage) }))
  })

  const makeFor: Readonly<
    Record<Job["settlement"], (request: Request) => Effect.Effect<Made, BookUnavailable>>
  > = { upfront, escrow, sealed }

  return {
    invoice: (request) =>
      Effect.map(
        makeFor[request.settlement](request),
        Result.map(({ amount, bolt11, createdAt, paymentHash, preimage }): Job => ({
          ...request,
          amount,
          bolt11,
          paymentHash,
          invoiceExpiresAt: createdAt + expirySeconds,
          ...(preimage === undefined ? {} : { preimage })
        }))
      ),
    withdraw: ({ paymentHash, settlement }) =>
      settlement === "upfront" ? Effect.void : Effect.ignore(wallet.cancelHoldInvoice(paymentHash))
  }
}

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
