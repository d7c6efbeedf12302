/**
 * From Lightning to Spark. The service provider asks the bank for a hold invoice on the wallet's
 * hash; when somebody's money is held under it, it locks leaves for the wallet to the same hash; what
 * opens the one opens the other. So neither loses, whoever goes away.
 */
import { Bolt11, Sat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Bank } from "@farthing/wallet"
import type { BankError, Change, IssuedInvoice } from "@farthing/wallet/Bank"
import { Effect, Option, PubSub, Stream } from "effect"
import { randomUUID } from "node:crypto"
import type * as Identity from "./Identity.ts"
import type { Ledger } from "./Ledger.ts"
import { Refused } from "./Refused.ts"
import type { Receive } from "./UserRequest.ts"
import type { UserRequests } from "./UserRequests.ts"

export interface Options {
  /** The service provider's at the bank, for what comes in. */
  readonly account: string
  readonly identity: Identity.Identity
  readonly ledger: Ledger
  readonly requests: UserRequests
}

export interface Request {
  readonly user: Identity.Identity
  readonly paymentHash: Bolt11.PaymentHash
  readonly amount: Sat.Sat
  readonly memo: string
  readonly expirySeconds: number
}

/** How much earlier than at the bank the money returns at the operators. Seconds. */
const margin = 600

export const make = Effect.fnUntraced(function* ({ account, identity, ledger, requests }: Options) {
  const bank = yield* Bank.Bank

  /** The preimage is known: the bank's money is the service provider's, the leaves the wallet's. */
  const settle = Effect.fnUntraced(function* (request: Receive, preimage: Bolt11.Preimage) {
    yield* bank.settleHold(account, preimage)
    yield* requests.change(request, { status: "TRANSFER_COMPLETED", preimage })
  })

  const fail = Effect.fnUntraced(function* (request: Receive) {
    yield* bank.cancelHold(account, request.paymentHash)
    yield* requests.change(request, { status: "TRANSFER_FAILED" })
  })

  const lockLeaves = Effect.fnUntraced(function* (request: Receive, heldUntil: number) {
    const transfer = yield* ledger.lockFromVault({
      paymentHash: request.paymentHash,
      receiver: request.user,
      amount: request.amount,
      expiresAt: (heldUntil - margin) * 1000
    })
    yield* requests.change(request, { status: "TRANSFER_CREATED", transferId: transfer.id })
  })

  const onBankChange = Effect.fnUntraced(function* (change: Change) {
    if (change._tag !== "Incoming") return
    const { heldUntil, paymentHash, state } = change.incoming
    const request = requests.receive(paymentHash)
    if (request === undefined) return
    if (state === "held" && request.status === "INVOICE_CREATED" && Option.isSome(heldUntil)) {
      yield* Effect.catchTag(lockLeaves(request, heldUntil.value), "Refused", () => fail(request))
    }
    if (state === "cancelled" && request.transferId !== undefined) {
      yield* Effect.ignore(ledger.giveBack(request.transferId, request.user))
    }
  })

  const isPending = ({ status }: Receive) =>
    status === "INVOICE_CREATED" || status === "TRANSFER_CREATED"

  yield* bank.changes(account).pipe(
    Stream.runForEach((change) => reported(onBankChange(change))),
    reported,
    Effect.forkScoped({ startImmediately: true })
  )

  const changes = yield* PubSub.subscribe(ledger.changes)
  yield* Stream.fromSubscription(changes).pipe(
    Stream.runForEach(({ htlc }) => {
      const request = htlc?.sender === identity ? requests.receive(htlc.paymentHash) : undefined
      if (htlc === undefined || request === undefined || !isPending(request)) return Effect.void
      switch (htlc.state._tag) {
        case "Waiting":
          return Effect.void
        case "Revealed":
          return reported(settle(request, htlc.state.preimage))
        case "Returned":
          return reported(fail(request))
      }
    }),
    Effect.forkScoped({ startImmediately: true })
  )

  return {
    /** An invoice for the wallet. */
    request: Effect.fnUntraced(function* (request: Request): Effect.fn.Return<Receive, Refused> {
      const issued: IssuedInvoice = yield* bank
        .makeInvoice(account, {
          amount: Sat.toMsat(request.amount),
          description: request.memo,
          expiry: `${request.expirySeconds} seconds`,
          paymentHash: request.paymentHash
        })
        .pipe(Effect.mapError(refusedByBank))
      const createdAt = yield* UnixTime.now
      const { expirySeconds, ...rest } = request
      const receive: Receive = {
        ...rest,
        _tag: "Receive",
        id: `LightningReceiveRequest:${randomUUID()}`,
        createdAt,
        updatedAt: createdAt,
        bolt11: issued.bolt11,
        expiresAt: createdAt + expirySeconds,
        status: "INVOICE_CREATED",
        preimage: undefined,
        transferId: undefined
      }
      yield* requests.add(receive)
      return receive
    })
  }
})

const refusedByBank = ({ message }: BankError) => new Refused({ code: "INVALID_ARGUMENT", message })

const reported = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.catchCause(effect, (cause) =>
    Effect.logWarning("The service provider could not finish what it was about to do", cause)
  )
