/**
 * From Spark to Lightning. The wallet has locked leaves for the service provider to the hash of an
 * invoice; the service provider pays the invoice at the bank, and takes the leaves with the preimage
 * that it got for it. If the payment fails, it renounces them.
 */
import { Bolt11, Msat, Sat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Bank } from "@farthing/wallet"
import { Effect, Option, Schedule } from "effect"
import type { Scope } from "effect"
import { randomUUID } from "node:crypto"
import type * as Identity from "./Identity.ts"
import type { Ledger } from "./Ledger.ts"
import { Refused } from "./Refused.ts"
import type { Transfer } from "./Transfer.ts"
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

  /** What is locked for us in this transfer, to this hash and for long enough. */
  const locked = Effect.fnUntraced(function* (request: Request, invoice: Bolt11.Invoice) {
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
      return yield* new Refused({
        code: "FAILED_PRECONDITION",
        message: "Nothing is locked to the hash of the invoice in this transfer"
      })
    }
    return transfer
  })

  const amountOf = (invoice: Bolt11.Invoice, transfer: Transfer) =>
    Option.match(invoice.amount, {
      onNone: () => Effect.fail(invalid("The invoice has no amount")),
      onSome: (msats) => {
        const amount = Sat.fromMsatCeil(msats)
        return transfer.value === amount + fee
          ? Effect.succeed(amount)
          : Effect.fail(invalid("What is locked is not the amount and the fee"))
      }
    })

  const begin = Effect.fnUntraced(function* (request: Request): Effect.fn.Return<Send, Refused> {
    const invoice = yield* decode(request.bolt11)
    const transfer = yield* locked(request, invoice)
    const amount = yield* amountOf(invoice, transfer)
    const createdAt = yield* UnixTime.now
    const send: Send = {
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
    }
    yield* requests.add(send)
    yield* Effect.forkIn(pay(send, invoice), scope)
    return send
  })

  return {
    fee,
    /** Once for a transfer; asked again, it answers with the same request. */
    request: (request: Request): Effect.Effect<Send, Refused> => {
      const known = requests.send(request.transferId)
      return known?.user === request.user ? Effect.succeed(known) : begin(request)
    }
  }
})

const secondsToBegin = 60

const decode = (bolt11: string) =>
  Effect.mapError(Effect.fromResult(Bolt11.decode(bolt11)), ({ message }) => invalid(message))

const invalid = (message: string) => new Refused({ code: "INVALID_ARGUMENT", message })
