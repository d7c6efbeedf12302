/**
 * From Lightning to Spark. The service provider asks the bank for a hold invoice on the wallet's
 * hash; when somebody's money is held under it, it locks leaves for the wallet to the same hash. What
 * opens the one opens the other, so that neither loses by the other's going away.
 */
import type { Bolt11 } from "@farthing/protocol"
import { Sat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Bank } from "@farthing/wallet"
import type { BankError, IssuedInvoice } from "@farthing/wallet/Bank"
import { Effect, Option, PubSub, Schedule, Stream } from "effect"
import { randomUUID } from "node:crypto"
import type { Change } from "./Books.ts"
import type { Identity } from "./Identity.ts"
import type { Ledger } from "./Ledger.ts"
import { Refused } from "./Refused.ts"
import type { Receive } from "./UserRequest.ts"
import type { UserRequests } from "./UserRequests.ts"

export type LightningReceive = Effect.Success<ReturnType<typeof make>>

export interface Options {
  /** The service provider's at the bank, for what comes in. */
  readonly account: string
  /** The service provider's in Spark. */
  readonly identity: Identity
  readonly ledger: Ledger
  readonly requests: UserRequests
}

export interface Request {
  readonly user: Identity
  readonly paymentHash: Bolt11.PaymentHash
  readonly amount: Sat.Sat
  readonly memo: string
  readonly expirySeconds: number
}

export const make = Effect.fnUntraced(function* ({ account, identity, ledger, requests }: Options) {
  const bank = yield* Bank.Bank

  const fail = Effect.fnUntraced(function* (request: Receive) {
    yield* bank.cancelHold(account, request.paymentHash)
    yield* requests.change(request, { status: "TRANSFER_FAILED" })
  })

  const settle = Effect.fnUntraced(function* (request: Receive, preimage: Bolt11.Preimage) {
    yield* bank.settleHold(account, preimage)
    yield* requests.change(request, { status: "TRANSFER_COMPLETED", preimage })
  })

  const lockLeaves = Effect.fnUntraced(function* (request: Receive, heldUntil: number) {
    const transferId = randomUUID()
    yield* requests.change(request, { status: "TRANSFER_CREATED", transferId })
    yield* ledger
      .lockFromVault({
        id: transferId,
        paymentHash: request.paymentHash,
        receiver: request.user,
        amount: request.amount,
        expiresAt: (heldUntil - margin) * 1000
      })
      .pipe(Effect.catchTag("Refused", () => fail(request)))
  })

  const followBank = Effect.fnUntraced(function* (invoice: IssuedInvoice) {
    const request = requests.receive(invoice.paymentHash)
    if (invoice.state === "held" && request?.status === "INVOICE_CREATED") {
      yield* lockLeaves(
        request,
        Option.getOrElse(invoice.heldUntil, () => 0)
      )
    }
    if (invoice.state === "cancelled" && request?.status === "TRANSFER_CREATED") {
      yield* Effect.ignore(ledger.renounce(request.transferId ?? "", request.user))
    }
  })

  const followOperators = Effect.fnUntraced(function* ({ htlc }: Change) {
    const request = htlc?.sender === identity ? requests.receive(htlc.paymentHash) : undefined
    if (request?.status !== "TRANSFER_CREATED") return
    if (htlc?.state._tag === "Revealed") yield* settle(request, htlc.state.preimage)
    if (htlc?.state._tag === "Returned") yield* fail(request)
  })

  yield* bank.changes(account).pipe(
    Stream.runForEach((change) =>
      change._tag === "Incoming" ? reported(followBank(change.incoming)) : Effect.void
    ),
    Effect.retry(Schedule.spaced("1 second")),
    Effect.forkScoped({ startImmediately: true })
  )

  const operatorsChanges = yield* PubSub.subscribe(ledger.changes)
  yield* Stream.fromSubscription(operatorsChanges).pipe(
    Stream.runForEach((change) => reported(followOperators(change))),
    Effect.forkScoped({ startImmediately: true })
  )

  return {
    /** An invoice for the wallet, whose hash must be new. */
    request: Effect.fnUntraced(function* ({
      expirySeconds,
      ...request
    }: Request): Effect.fn.Return<Receive, Refused> {
      const { bolt11 } = yield* bank
        .makeInvoice(account, {
          amount: Sat.toMsat(request.amount),
          description: request.memo,
          expiry: `${expirySeconds} seconds`,
          paymentHash: request.paymentHash
        })
        .pipe(Effect.mapError(refusedByBank))
      const createdAt = yield* UnixTime.now
      return yield* requests.add({
        ...request,
        _tag: "Receive",
        id: `LightningReceiveRequest:${randomUUID()}`,
        createdAt,
        updatedAt: createdAt,
        bolt11,
        expiresAt: createdAt + expirySeconds,
        status: "INVOICE_CREATED",
        preimage: undefined,
        transferId: undefined
      })
    })
  }
})

/** Seconds by which money returns at the operators before it would at the bank. */
const margin = 600

const refusedByBank = ({ message }: BankError) => new Refused({ code: "INVALID_ARGUMENT", message })

const reported = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.catchCause(effect, (cause) =>
    Effect.logWarning("The service provider could not take a payment further", cause)
  )
