import { finalizeEvent } from "nostr-tools/pure"
import { Relay, useWebSocketImplementation } from "nostr-tools/relay"
import { WebSocket } from "ws"
import type { Connect } from "./Client.ts"

useWebSocketImplementation(WebSocket)

export const connect: Connect = async (url, secret) => {
  const relay = new Relay(url)
  const asked = Promise.withResolvers<void>()
  let isAsked = false
  relay.onauth = async (template) => {
    isAsked = true
    asked.resolve()
    return finalizeEvent(template, secret)
  }
  await relay.connect()
  const authenticated = async () => {
    await asked.promise
    await relay.auth(async (template) => finalizeEvent(template, secret))
  }
  return {
    // It authenticates by itself, but does not try again what was refused before.
    publish: async (event) => {
      try {
        await relay.publish(event)
      } catch (error) {
        if (isAsked || !String(error).includes("auth-required")) throw error
        await authenticated()
        await relay.publish(event)
      }
    },
    query: (filter) =>
      new Promise((resolve) => {
        const events: Array<Parameters<typeof relay.publish>[0]> = []
        const subscription = relay.subscribe([filter], {
          onevent: (event) => events.push(event),
          oneose: () => {
            subscription.close()
            resolve(events)
          }
        })
      }),
    subscribe: (filter, tell) =>
      new Promise((resolve) => {
        relay.subscribe([filter], { onevent: tell, oneose: resolve })
      }),
    close: () => relay.close()
  }
}
