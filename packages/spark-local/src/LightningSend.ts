/**
 * From Spark to Lightning. The wallet has locked leaves for the service provider to the hash of an
 * invoice; the service provider pays the invoice at the bank, and takes the leaves with the preimage
 * that it got for it. If the payment fails, it renounces them.
 */
import { Bolt11, Msat, Sat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Bank, Blocks } from "@farthing/wallet"
import { Effect, Option, Schedule, Semaphore } from "effect"
import type { Scope } from "effect"
import { randomUUID } from "node:crypto"
import type * as Identity from "./Identity.ts"
import type { Ledger } from "./Ledger.ts"
import { Refused } from "./Refused.ts"
import type { Send } from "./UserRequest.ts"
import type { UserRequests } from "./UserRequests.ts"

export interface Options {
  /** The service provider's at the bank, for what goes out. */
  readonly account: string
  readonly identity: Identity.Identity
  readonly fee: Sat.Sat
  readonly ledger: Ledger
  readonly requests: UserRequests
}

export interface Request {
  readonly user: Identity.Identity
  readonly bolt11: string
  readonly transferId: string
}

export type LightningSend = Effect.Success<ReturnType<typeof make>>

export const make = Effect.fnUntraced(function* ({
  account,
  fee,
  identity,
  ledger,
  requests
}: Options) {
  const bank = yield* Bank.Bank
  const scope: Scope.Scope = yield* Effect.scope
  const turn = yield* Semaphore.make(1)

  const take = Effect.fnUntraced(function* (request: Send, preimage: Bolt11.Preimage) {
    yield* ledger.provide(preimage, identity)
    yield* requests.change(request, { status: "TRANSFER_COMPLETED", preimage })
  })

  const giveBack = Effect.fnUntraced(function* (request: Send) {
    yield* ledger.renounce(request.transferId, identity)
    yield* requests.change(request, { status: "USER_SWAP_RETURNED" })
  })

  /** However often: the bank pays a hash once. */
  const pay = (request: Send, invoice: Bolt11.Invoice) =>
    bank
      .pay(account, {
        invoice,
        maxFee: Msat.most,
        expiresAt: request.createdAt + secondsToBegin
      })
      .pipe(
        Effect.retry({
          while: ({ _tag }) => _tag === "PaymentUnknown",
          schedule: Schedule.spaced("1 second")
        }),
        Effect.flatMap(({ preimage }) => take(request, preimage)),
        Effect.catchTag("PaymentFailed", () => giveBack(request)),
        Effect.catchCause((cause) =>
          Effect.logWarning("The service provider could not end a payment", cause)
        )
      )

  /** The amount, if it is locked for us to the invoice's hash, with the fee and for long enough. */
  const lockedAmount = Effect.fnUntraced(function* (request: Request, invoice: Bolt11.Invoice) {
    const amount = Sat.fromMsatCeil(Option.getOrElse(invoice.amount, () => Msat.zero))
    const { htlc, transfer } = yield* ledger.read(() => ({
      transfer: ledger.findTransfer(request.transferId),
      htlc: ledger.findHtlc(request.transferId)
    }))
    if (
      transfer?.state !== "locked" ||
      transfer.sender !== request.user ||
      transfer.receiver !== identity ||
      htlc?.paymentHash !== invoice.paymentHash
    ) {
      return yield* invalid("Nothing is locked to the hash of the invoice in this transfer")
    }
    if (transfer.value !== amount + fee) {
      return yield* invalid("What is locked is not the amount of the invoice and the fee")
    }
    const latest = (yield* UnixTime.now) + secondsToBegin + longestPayment(invoice)
    if (transfer.expiresAt === undefined || transfer.expiresAt / 1000 < latest) {
      return yield* invalid("What is locked may be back before the payee has taken its money")
    }
    return amount
  })

  const begin = Effect.fnUntraced(function* (request: Request): Effect.fn.Return<Send, Refused> {
    const known = requests.send(request.transferId)
    if (known?.user === request.user) return known
    const invoice = yield* decode(request.bolt11)
    const amount = yield* lockedAmount(request, invoice)
    const createdAt = yield* UnixTime.now
    const send: Send = yield* requests.add({
      ...request,
      _tag: "Send",
      id: `LightningSendRequest:${randomUUID()}`,
      createdAt,
      updatedAt: createdAt,
      paymentHash: invoice.paymentHash,
      amount,
      fee,
      status: "LIGHTNING_PAYMENT_INITIATED",
      preimage: undefined
    })
    yield* Effect.forkIn(pay(send, invoice), scope)
    return send
  })

  return {
    fee,
    /** Once for a transfer; asked again, it answers with the same request. */
    request: (request: Request): Effect.Effect<Send, Refused> => turn.withPermits(1)(begin(request))
  }
})

const secondsToBegin = 60

/** How long the payee may take. Seconds. */
const longestPayment = ({ minFinalCltvDelta }: Bolt11.Invoice): number =>
  (minFinalCltvDelta + 1) * Blocks.seconds

const decode = (bolt11: string) =>
  Effect.mapError(Effect.fromResult(Bolt11.decode(bolt11)), ({ message }) => invalid(message))

const invalid = (message: string) => new Refused({ code: "INVALID_ARGUMENT", message })
