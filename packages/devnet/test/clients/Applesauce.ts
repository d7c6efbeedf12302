import { Relay } from "applesauce-relay"
import type { Event } from "nostr-tools/core"
import { finalizeEvent } from "nostr-tools/pure"
import type { Connect } from "./Client.ts"

export const connect: Connect = async (url, secret) => {
  const relay = new Relay(url)
  relay.challenge$.subscribe((challenge) => {
    if (challenge !== null)
      void relay.authenticate({ signEvent: (template) => finalizeEvent(template, secret) })
  })
  return {
    publish: async (event) => {
      const { message, ok } = await relay.publish(event)
      if (!ok) throw new Error(message)
    },
    query: (filter) =>
      new Promise((resolve, reject) => {
        const events: Array<Event> = []
        relay.request(filter as never).subscribe({
          next: (event) => events.push(event),
          error: reject,
          complete: () => resolve(events)
        })
      }),
    subscribe: (filter, tell) =>
      new Promise((resolve, reject) => {
        relay.subscription(filter as never).subscribe({
          next: (message) => (message === "EOSE" ? resolve() : tell(message)),
          error: reject
        })
      }),
    close: () => relay.close()
  }
}
