import NDK, {
  NDKEvent,
  NDKPrivateKeySigner,
  NDKRelayAuthPolicies,
  NDKSubscriptionCacheUsage
} from "@nostr-dev-kit/ndk"
import type { Event } from "nostr-tools/core"
import type { Filter } from "nostr-tools/filter"
import type { Client, Connect } from "./Client.ts"

const toEvent = (event: NDKEvent): Event => event.rawEvent() as Event

export const connect: Connect = async (url, secret) => {
  const ndk = new NDK({
    explicitRelayUrls: [url],
    signer: new NDKPrivateKeySigner(secret),
    enableOutboxModel: false
  })
  const signIn = NDKRelayAuthPolicies.signIn({ ndk })
  const authenticated = Promise.withResolvers<void>()
  let isAsked = false
  ndk.relayAuthDefaultPolicy = (relay, challenge) => {
    isAsked = true
    relay.once("authed", authenticated.resolve)
    return signIn(relay, challenge)
  }
  await ndk.connect(5_000)
  const subscribe = (filter: Filter, tell: (event: Event) => void, closeOnEose: boolean) =>
    new Promise<void>((resolve) => {
      ndk.subscribe(
        filter as never,
        { closeOnEose, groupable: false, cacheUsage: NDKSubscriptionCacheUsage.ONLY_RELAY },
        { onEvent: (event) => tell(toEvent(event)), onEose: () => resolve() }
      )
    })
  const client: Client = {
    // It authenticates by itself, but does not try again what was refused before.
    publish: async (event) => {
      try {
        await new NDKEvent(ndk, event).publish()
      } catch (error) {
        if (!isAsked) throw error
        await authenticated.promise
        await new NDKEvent(ndk, event).publish()
      }
    },
    query: async (filter) => {
      const events: Array<Event> = []
      await subscribe(filter, (event) => events.push(event), true)
      return events
    },
    subscribe: (filter, tell) => subscribe(filter, tell, false),
    close: () => {
      for (const relay of ndk.pool.relays.values()) relay.disconnect()
    }
  }
  return client
}
