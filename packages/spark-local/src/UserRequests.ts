/** The service provider's book of what wallets asked for. */
import type { Bolt11 } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect } from "effect"
import type { Identity } from "./Identity.ts"
import type { Receive, Send, UserRequest } from "./UserRequest.ts"

export type UserRequests = Effect.Success<typeof make>

export const make = Effect.sync(() => {
  /** In the order of their making. */
  const requests = new Map<string, UserRequest>()
  const receives = new Map<Bolt11.PaymentHash, Receive>()
  /** By the transfer that pays for it. */
  const sends = new Map<string, Send>()

  const put = <R extends UserRequest>(request: R): R => {
    requests.set(request.id, request)
    if (request._tag === "Receive") receives.set(request.paymentHash, request)
    else sends.set(request.transferId, request)
    return request
  }

  return {
    add: <R extends UserRequest>(request: R) => Effect.sync(() => put(request)),

    /** What is not said stays as it is by now. */
    change: <R extends UserRequest>(request: R, to: Partial<R>) =>
      Effect.map(UnixTime.now, (updatedAt) =>
        put({ ...request, ...requests.get(request.id), ...to, updatedAt })
      ),

    /** Oldest first. */
    of: (user: Identity): ReadonlyArray<UserRequest> =>
      [...requests.values()].filter((request) => request.user === user),

    receive: (paymentHash: Bolt11.PaymentHash) => receives.get(paymentHash),
    send: (transferId: string) => sends.get(transferId)
  }
})
