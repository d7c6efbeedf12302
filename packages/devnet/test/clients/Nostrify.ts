import { NRelay1 } from "@nostrify/nostrify"
import { makeAuthEvent } from "nostr-tools/nip42"
import { finalizeEvent } from "nostr-tools/pure"
import type { Connect } from "./Client.ts"

export const connect: Connect = async (url, secret) => {
  const relay = new NRelay1(url, {
    auth: async (challenge) => finalizeEvent(makeAuthEvent(url, challenge), secret),
    backoff: false
  })
  const ended = new AbortController()
  return {
    publish: (event) => relay.event(event),
    query: (filter) => relay.query([filter]),
    subscribe: (filter, tell) =>
      new Promise((resolve, reject) => {
        const listen = async () => {
          for await (const [type, , event] of relay.req([filter], { signal: ended.signal })) {
            if (type === "EOSE") resolve()
            if (type === "EVENT") tell(event)
          }
        }
        listen().catch(reject)
      }),
    close: () => {
      ended.abort()
      void relay.close()
    }
  }
}
