/**
 * A relay that takes every event, keeps none, and sends whoever subscribes what nobody asked for:
 * garbage, forgeries, strangers' noise, and what it has heard, again and again.
 */
import { Filter, type NostrEvent } from "@farthing/protocol"
import { Effect, Schedule } from "effect"
import type { Scope } from "effect"
import type { AddressInfo } from "node:net"
import { type WebSocket, WebSocketServer } from "ws"

export interface Options {
  /** Turns a second. */
  readonly pace: number
  /** What is sent to a subscription in one turn: events, or frames that are none. */
  readonly gust: (
    filters: ReadonlyArray<Filter.Filter>
  ) => ReadonlyArray<NostrEvent.NostrEvent | string | Buffer>
  /** What is said about an event that somebody publishes, to all who want it. */
  readonly onEvent: (event: NostrEvent.NostrEvent) => ReadonlyArray<NostrEvent.NostrEvent>
}

export interface HostileRelay {
  readonly url: string
  /** How many frames it has sent. */
  readonly sent: () => number
}

/** Whoever reads too slowly gets less: this is no trial of sockets. */
const mostBuffered = 4 * 1024 * 1024

/** Serves until the scope closes. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<HostileRelay, never, Scope.Scope> {
  const lines = new Map<WebSocket, Map<string, ReadonlyArray<Filter.Filter>>>()
  let sent = 0

  const send = (socket: WebSocket, frame: string | Buffer): void => {
    if (socket.bufferedAmount > mostBuffered) return
    sent++
    socket.send(frame)
  }

  const take = (socket: WebSocket, text: string): void => {
    const [type, subject, ...rest]: ReadonlyArray<unknown> = JSON.parse(text)
    if (type === "CLOSE") return void lines.get(socket)?.delete(String(subject))
    if (type === "REQ") {
      lines.get(socket)?.set(String(subject), rest as ReadonlyArray<Filter.Filter>)
      return send(socket, JSON.stringify(["EOSE", subject]))
    }
    if (type !== "EVENT") return
    const event = subject as NostrEvent.NostrEvent
    send(socket, JSON.stringify(["OK", event.id, true, ""]))
    for (const said of [event, ...options.onEvent(event)])
      for (const [other, subscriptions] of lines)
        for (const [id, filters] of subscriptions)
          if (Filter.anyMatches(filters, said)) send(other, JSON.stringify(["EVENT", id, said]))
  }

  const server = yield* Effect.acquireRelease(
    Effect.callback<WebSocketServer>((resume) => {
      const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false })
      server.on("listening", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        for (const socket of server.clients) socket.terminate()
        server.close()
      })
  )
  server.on("connection", (socket) => {
    lines.set(socket, new Map())
    socket.on("message", (data) => take(socket, String(data)))
    socket.on("close", () => lines.delete(socket))
    socket.on("error", () => {})
  })

  yield* Effect.sync(() => {
    for (const [socket, subscriptions] of lines)
      for (const [id, filters] of subscriptions)
        for (const one of options.gust(filters))
          send(
            socket,
            typeof one === "string" || Buffer.isBuffer(one)
              ? one
              : JSON.stringify(["EVENT", id, one])
          )
  }).pipe(Effect.repeat(Schedule.fixed(1_000 / options.pace)), Effect.forkScoped)

  const { port } = server.address() as AddressInfo
  return { url: `ws://127.0.0.1:${port}`, sent: () => sent }
})
