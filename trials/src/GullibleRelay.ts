/**
 * A relay that believes everything and forwards it: the adversary between honest people. It keeps
 * events unverified and without any limit, and sends what nobody signed.
 */
import { Filter } from "@farthing/protocol"
import type { NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import type { AddressInfo } from "node:net"
import { WebSocketServer } from "ws"
import type { WebSocket } from "ws"

export interface GullibleRelay {
  readonly url: string
  /** Keeps an event, whatever it is, and sends it to everybody who asked for one like it. */
  readonly tell: (event: NostrEvent.NostrEvent) => Effect.Effect<void>
  /** Sends this as an event to every subscription, fitting or not; keeps nothing. */
  readonly push: (event: unknown) => Effect.Effect<void>
  /** Waits until somebody has asked for an event like this one. */
  readonly isAskedFor: (event: NostrEvent.NostrEvent) => Effect.Effect<void>
}

type Filters = ReadonlyArray<Filter.Filter>

/** Serves until the scope closes. */
export const make = Effect.gen(function* () {
  const stored: Array<NostrEvent.NostrEvent> = []
  const clients = new Map<WebSocket, Map<string, Filters>>()
  const watchers = new Set<() => void>()

  const subscriptions = () =>
    [...clients].flatMap(([client, running]) =>
      Array.from(running, ([id, filters]) => ({ client, id, filters }))
    )

  const isWanted = (event: NostrEvent.NostrEvent) =>
    subscriptions().some(({ filters }) => Filter.anyMatches(filters, event))

  const forward = (event: NostrEvent.NostrEvent) => {
    stored.push(event)
    for (const { client, filters, id } of subscriptions())
      if (Filter.anyMatches(filters, event)) client.send(JSON.stringify(["EVENT", id, event]))
  }

  const subscribe = (client: WebSocket, id: string, filters: Filters) => {
    clients.get(client)?.set(id, filters)
    for (const event of stored)
      if (Filter.anyMatches(filters, event)) client.send(JSON.stringify(["EVENT", id, event]))
    client.send(JSON.stringify(["EOSE", id]))
    for (const watcher of watchers) watcher()
  }

  const onFrame = (client: WebSocket, [type, first, ...rest]: ReadonlyArray<unknown>) => {
    switch (type) {
      case "REQ":
        return subscribe(client, String(first), rest as Filters)
      case "CLOSE":
        return clients.get(client)?.delete(String(first))
      case "EVENT": {
        const event = first as NostrEvent.NostrEvent
        client.send(JSON.stringify(["OK", event.id, true, ""]))
        return forward(event)
      }
    }
  }

  const welcome = (client: WebSocket) => {
    clients.set(client, new Map())
    client.on("message", (data) => onFrame(client, JSON.parse(String(data))))
    client.on("close", () => clients.delete(client))
    client.on("error", () => {})
  }

  const server = yield* Effect.acquireRelease(
    Effect.callback<WebSocketServer>((resume) => {
      const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false })
      server.on("connection", welcome)
      server.on("listening", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        for (const client of server.clients) client.terminate()
        server.close(() => resume(Effect.void))
      })
  )

  const relay: GullibleRelay = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tell: (event) => Effect.sync(() => forward(event)),
    push: (event) =>
      Effect.sync(() => {
        for (const { client, id } of subscriptions())
          client.send(JSON.stringify(["EVENT", id, event]))
      }),
    isAskedFor: (event) =>
      Effect.callback<void>((resume) => {
        const look = () => {
          if (isWanted(event)) resume(Effect.void)
        }
        watchers.add(look)
        look()
        return Effect.sync(() => watchers.delete(look))
      })
  }
  return relay
})
