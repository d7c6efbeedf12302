/** Somebody who listens on a market's relay. */
import { Effect } from "effect"
import { Relay, useWebSocketImplementation } from "nostr-tools/relay"
import { WebSocket } from "ws"

useWebSocketImplementation(WebSocket)

/** Listens from now on; the answer waits until a message of the type was sent. */
export const waitFor = (relayUrl: string, type: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const relay = await Relay.connect(relayUrl)
        const { promise: heard, resolve } = Promise.withResolvers<void>()
        relay.subscribe([{ kinds: [42] }], {
          onevent: ({ content }) => {
            if (JSON.parse(content).type === type) resolve()
          }
        })
        return { heard, close: () => relay.close() }
      }),
      ({ close }) => Effect.sync(close)
    ),
    ({ heard }) => Effect.promise(() => heard)
  )
