/** A real relay over real sockets that does as the test says. */
import { Filter, NostrEvent } from "@farthing/protocol"
import type { Scope } from "effect"
import { Effect } from "effect"
import { createServer } from "node:http"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { WebSocketServer } from "ws"
import type { WebSocket } from "ws"

export interface Behaviour {
  /** What to answer to an event; `undefined` for no answer at all. Default: accept and store. */
  onEvent?:
    | ((event: NostrEvent.NostrEvent, client: WebSocket) => readonly [boolean, string] | undefined)
    | undefined
  /** The reason to refuse a subscription with. */
  onRequest?:
    | ((client: WebSocket, filters: ReadonlyArray<Filter.Filter>) => string | undefined)
    | undefined
  /** Sends no more stored events for a filter, whatever its `limit`. */
  cap?: number | undefined
  /** What to do with a proof of who asks; default: accept it. */
  onProof?: ((client: WebSocket) => void) | undefined
  /** Never sends EOSE. */
  withoutEnd?: boolean | undefined
  /** Sent to every client that connects. */
  challenge?: string | undefined
  /** The NIP-11 document; `"hang"` never answers. */
  information?: object | "hang" | undefined
  /** Reads nothing and answers nothing, pings included. */
  frozen?: boolean | undefined
}

export interface TestRelay {
  readonly url: string
  readonly behaviour: Behaviour
  readonly stored: Array<NostrEvent.NostrEvent>
  /** All frames that clients sent, oldest first. */
  readonly frames: Array<ReadonlyArray<unknown>>
  readonly clients: Set<WebSocket>
  /** Connections taken so far. */
  readonly dialled: () => number
  readonly informationRequests: () => number
  readonly framesOf: (type: string) => ReadonlyArray<ReadonlyArray<unknown>>
  /** Takes an event and forwards it to whoever wants it. */
  readonly forward: (event: NostrEvent.NostrEvent) => void
  /** Sends `["EVENT", <each running subscription>, event]`, whatever it is. */
  readonly push: (event: unknown) => void
  readonly sendAll: (text: string) => void
  /** Cuts all connections without a close frame. */
  readonly cut: () => void
  readonly down: Effect.Effect<void>
  readonly up: Effect.Effect<void>
  /** Waits until something that clients do makes it true. */
  readonly until: (fact: () => boolean) => Effect.Effect<void>
}

export const make: Effect.Effect<TestRelay, never, Scope.Scope> = Effect.gen(function* () {
  const behaviour: Behaviour = {}
  const stored: Array<NostrEvent.NostrEvent> = []
  const frames: Array<ReadonlyArray<unknown>> = []
  const subscriptions = new Map<WebSocket, Map<string, ReadonlyArray<Filter.Filter>>>()
  const clients = new Set<WebSocket>()
  const watchers = new Set<() => void>()
  let server: Server | undefined
  let port = 0
  let dialled = 0
  let asked = 0

  const notify = () => {
    for (const watcher of watchers) watcher()
  }

  const deliver = (event: unknown, wanted: (filters: ReadonlyArray<Filter.Filter>) => boolean) => {
    for (const [client, running] of subscriptions)
      for (const [id, filters] of running) if (wanted(filters)) send(client, ["EVENT", id, event])
  }

  const forward = (event: NostrEvent.NostrEvent) => {
    if (!NostrEvent.isEphemeral(event.kind)) stored.push(event)
    deliver(event, (filters) => Filter.anyMatches(filters, event))
  }

  const onRequest = (client: WebSocket, id: string, filters: ReadonlyArray<Filter.Filter>) => {
    const refusal = behaviour.onRequest?.(client, filters)
    if (refusal !== undefined) return send(client, ["CLOSED", id, refusal])
    subscriptions.get(client)?.set(id, filters)
    const sorted = stored.toSorted(NostrEvent.newestFirst)
    const most = ({ limit = Infinity }) => Math.min(limit, behaviour.cap ?? Infinity)
    for (const filter of filters)
      for (const event of sorted.filter((it) => Filter.matches(filter, it)).slice(0, most(filter)))
        client.send(`["EVENT",${JSON.stringify(id)},${textOf(event)}]`)
    if (behaviour.withoutEnd !== true) send(client, ["EOSE", id])
  }

  const onEvent = (client: WebSocket, event: NostrEvent.NostrEvent) => {
    const answer =
      behaviour.onEvent === undefined ? ([true, ""] as const) : behaviour.onEvent(event, client)
    if (answer === undefined) return
    send(client, ["OK", event.id, ...answer])
    if (answer[0]) forward(event)
  }

  const onProof = (client: WebSocket, proof: NostrEvent.NostrEvent) => {
    if (behaviour.onProof === undefined) send(client, ["OK", proof.id, true, ""])
    else behaviour.onProof(client)
  }

  const onFrame = (client: WebSocket, frame: ReadonlyArray<unknown>) => {
    frames.push(frame)
    const [type, first, ...rest] = frame
    if (type === "REQ") onRequest(client, String(first), rest as ReadonlyArray<Filter.Filter>)
    if (type === "CLOSE") subscriptions.get(client)?.delete(String(first))
    if (type === "EVENT") onEvent(client, first as NostrEvent.NostrEvent)
    if (type === "AUTH") onProof(client, first as NostrEvent.NostrEvent)
    notify()
  }

  const onInformation = (request: IncomingMessage, response: ServerResponse) => {
    asked++
    notify()
    if (behaviour.information === "hang") return
    const wanted =
      request.headers.accept === "application/nostr+json" ? behaviour.information : undefined
    response.writeHead(wanted === undefined ? 404 : 200, { connection: "close" })
    response.end(JSON.stringify(wanted ?? {}))
  }

  const onClient = (client: WebSocket) => {
    dialled++
    clients.add(client)
    subscriptions.set(client, new Map())
    client.on("error", () => {})
    client.on("close", () => {
      clients.delete(client)
      subscriptions.delete(client)
      notify()
    })
    client.on("message", (data) => {
      if (behaviour.frozen !== true) onFrame(client, JSON.parse(String(data)))
    })
    client.on("ping", (data) => {
      if (behaviour.frozen !== true) client.pong(data)
    })
    if (behaviour.challenge !== undefined) send(client, ["AUTH", behaviour.challenge])
    notify()
  }

  const cut = () => {
    for (const client of clients) client.terminate()
  }

  const up = Effect.callback<void>((resume) => {
    const http = createServer(onInformation)
    server = http
    new WebSocketServer({ server: http, perMessageDeflate: false, autoPong: false }).on(
      "connection",
      onClient
    )
    http.listen(port, "127.0.0.1", () => {
      port = (http.address() as AddressInfo).port
      resume(Effect.void)
    })
  })

  const down = Effect.callback<void>((resume) => {
    if (server === undefined) return resume(Effect.void)
    server.close(() => resume(Effect.void))
    server = undefined
    cut()
  }).pipe(Effect.tap(() => Effect.sync(notify)))

  yield* Effect.acquireRelease(up, () =>
    Effect.suspend(() => {
      server?.closeAllConnections()
      return down
    })
  )

  return {
    url: `ws://127.0.0.1:${port}`,
    behaviour,
    stored,
    frames,
    clients,
    dialled: () => dialled,
    informationRequests: () => asked,
    framesOf: (type) => frames.filter((frame) => frame[0] === type),
    forward,
    push: (event) => deliver(event, () => true),
    sendAll: (text) => {
      for (const client of clients) client.send(text)
    },
    cut,
    down,
    up,
    until: (fact) =>
      Effect.callback((resume) => {
        const watcher = () => {
          if (!fact()) return
          watchers.delete(watcher)
          resume(Effect.void)
        }
        watchers.add(watcher)
        watcher()
        return Effect.sync(() => watchers.delete(watcher))
      })
  }
})

const send = (client: WebSocket, frame: ReadonlyArray<unknown>): void =>
  client.send(JSON.stringify(frame))

const texts = new WeakMap<object, string>()

/** Large stores are sent many times. */
const textOf = (event: NostrEvent.NostrEvent): string => {
  const known = texts.get(event)
  if (known !== undefined) return known
  const text = JSON.stringify(event)
  texts.set(event, text)
  return text
}
