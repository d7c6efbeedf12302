/** The relay information document (NIP-11), served by HTTP on the address of the relay. */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Limits } from "./Limits.ts"

export interface Options {
  readonly name: string
  readonly authRequired: boolean
  readonly limits: Limits
}

const supportedNips = [1, 9, 11, 28, 40, 42, 45, 70, 77, 89]

export const document = ({ authRequired, limits, name }: Options) => ({
  name,
  description: "A Nostr relay for one machine",
  software: "https://www.npmjs.com/package/@farthing/devnet",
  supported_nips: supportedNips,
  limitation: {
    max_message_length: limits.maxMessageLength,
    max_subscriptions: limits.maxSubscriptions,
    max_filters: limits.maxFilters,
    max_limit: limits.maxLimit,
    default_limit: limits.defaultLimit,
    max_subid_length: limits.maxSubscriptionIdLength,
    max_event_tags: limits.maxEventTags,
    max_content_length: limits.maxContentLength,
    created_at_upper_limit: limits.createdAtAhead,
    auth_required: authRequired,
    payment_required: false,
    restricted_writes: authRequired
  }
})

const cors = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "*",
  "access-control-allow-methods": "GET, HEAD, OPTIONS"
}

/** Answers whatever is not a WebSocket. */
export const handler = (options: Options) => {
  const json = JSON.stringify(document(options))
  return (request: IncomingMessage, response: ServerResponse): void => {
    request.resume()
    const answer = (status: number, type: string, body: string) =>
      response
        .writeHead(status, { ...cors, "content-type": type, vary: "accept" })
        .end(request.method === "HEAD" ? undefined : body)
    if (request.method === "OPTIONS") answer(204, "text/plain", "")
    else if (request.method !== "GET" && request.method !== "HEAD")
      answer(405, "text/plain; charset=utf-8", "Only GET\n")
    else if (request.headers.accept?.includes("application/nostr+json") === true)
      answer(200, "application/nostr+json", json)
    else answer(200, "text/plain; charset=utf-8", `${options.name}: connect with a Nostr client\n`)
  }
}
