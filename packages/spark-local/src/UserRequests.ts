/** The service provider's book of what wallets asked for. */
import type { Bolt11 } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect } from "effect"
import type { Identity } from "./Identity.ts"
import type { Receive, Send, UserRequest } from "./UserRequest.ts"

export type UserRequests = Effect.Success<typeof make>

export const make = Effect.sync(() => {
  const receives = new Map<Bolt11.PaymentHash, Receive>()
  /** By the transfer that pays for it. */
  const sends = new Map<string, Send>()

  const put = <R extends UserRequest>(request: R): R => {
    if (request._tag === "Receive") receives.set(request.paymentHash, request)
    else sends.set(request.transferId, request)
    return request
  }

  const current = (request: UserRequest) =>
    request._tag === "Receive" ? receives.get(request.paymentHash) : sends.get(request.transferId)

  const all = (): ReadonlyArray<UserRequest> =>
    [...receives.values(), ...sends.values()].toSorted(
      (one, other) => one.createdAt - other.createdAt
    )

  return {
    add: <R extends UserRequest>(request: R) => Effect.sync(() => put(request)),

    change: <R extends UserRequest>(request: R, to: Partial<R>) =>
      Effect.map(UnixTime.now, (updatedAt) =>
        put({ ...request, ...current(request), ...to, updatedAt })
      ),

    /** Oldest first. */
    all,
    of: (user: Identity) => all().filter((request) => request.user === user),
    receive: (paymentHash: Bolt11.PaymentHash) => receives.get(paymentHash),
    send: (transferId: string) => sends.get(transferId)
  }
})
