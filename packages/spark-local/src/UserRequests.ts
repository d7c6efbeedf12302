/** The service provider's book of what wallets asked for. */
import { UnixTime } from "@farthing/relay"
import { Effect } from "effect"
import type { Identity } from "./Identity.ts"
import type { Receive, Send, UserRequest } from "./UserRequest.ts"

export type UserRequests = Effect.Success<typeof make>

export const make = Effect.sync(() => {
  const requests = new Map<string, UserRequest>()

  const find = <R extends UserRequest>(fits: (request: UserRequest) => request is R) => {
    for (const request of requests.values()) if (fits(request)) return request
    return undefined
  }

  return {
    add: (request: UserRequest) =>
      Effect.sync(() => {
        requests.set(request.id, request)
      }),

    change: <R extends UserRequest>(request: R, to: Partial<R>) =>
      Effect.map(UnixTime.now, (updatedAt) => {
        requests.set(request.id, { ...request, ...to, updatedAt })
      }),

    /** In the order of their making. */
    all: (): ReadonlyArray<UserRequest> => [...requests.values()],

    of: (user: Identity): ReadonlyArray<UserRequest> =>
      [...requests.values()].filter((request) => request.user === user),

    receive: (paymentHash: string): Receive | undefined =>
      find(
        (request): request is Receive =>
          request._tag === "Receive" && request.paymentHash === paymentHash
      ),

    send: (transferId: string): Send | undefined =>
      find(
        (request): request is Send => request._tag === "Send" && request.transferId === transferId
      )
  }
})
