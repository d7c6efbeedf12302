/**
 * A Nostr relay for one machine: NIP-01 with NIP-09 (deletion), NIP-11 (information), NIP-28 and
 * NIP-89 (their events), NIP-40 (expiration), NIP-42 (authentication), NIP-45 (counting), NIP-70
 * (protected events) and NIP-77 (reconciliation), over WebSockets, with its events in SQLite.
 *
 * An `OK` means that the event is on disk. Who listens or asks gets it before that: what they saw
 * may be gone after a loss of power, but then nobody was told `OK`. What is malformed, too large, too fast or too slow
 * costs the client its answer or its connection, and nobody else anything.
 */
import { UnixTime } from "@farthing/relay"
import type { Scope } from "effect"
import { Cause, Clock, Context, Effect, Layer, Queue, Schedule, Schema } from "effect"
import type { IncomingMessage, Server } from "node:http"
import { createServer } from "node:http"
import type { RawData, WebSocket } from "ws"
import { WebSocketServer } from "ws"
import * as Asking from "./relay/Asking.ts"
import * as Authentication from "./relay/Authentication.ts"
import * as Conversation from "./relay/Conversation.ts"
import type * as EventFile from "./relay/EventFile.ts"
import * as EventStore from "./relay/EventStore.ts"
import * as Information from "./relay/Information.ts"
import * as Limits from "./relay/Limits.ts"
import * as Outbox from "./relay/Outbox.ts"
import * as Publishing from "./relay/Publishing.ts"
import * as Reconciling from "./relay/Reconciling.ts"
import * as Session from "./relay/Session.ts"
import * as Subscriptions from "./relay/Subscriptions.ts"

export interface Options {
  /** Default: loopback. */
  readonly host?: string
  /** Default: any free port. */
  readonly port?: number
  /** Where the events are kept; default: in memory, gone with the server. */
  readonly store?: EventFile.Options
  /** `required`: only clients that proved their key (NIP-42) may publish and subscribe. */
  readonly auth?: "none" | "offered" | "required"
  readonly limits?: Partial<Limits.Limits>
  readonly name?: string
}

export interface Shape {
  /** `ws://host:port` */
  readonly url: string
  readonly host: string
  readonly port: number
}

export class RelayServer extends Context.Service<RelayServer, Shape>()(
  "@farthing/devnet/RelayServer"
) {}

/** The address is taken, or may not be used. */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", {
  host: Schema.String,
  port: Schema.Int,
  message: Schema.String
}) {}

export type RelayServerError = ListenError | EventFile.StoreError

/** Serves until the scope closes; then nothing of it is left but the file. */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<Shape, RelayServerError, Scope.Scope> {
  const { auth = "none", host = "127.0.0.1", name = "Farthing devnet", port = 0 } = options
  const limits = { ...Limits.defaults, ...options.limits }
  const authRequired = auth === "required"
  const clock = yield* Clock.Clock
  const millis = () => clock.currentTimeMillisUnsafe()
  const now = () => UnixTime.fromMillis(millis())
  const log = Effect.runForkWith(yield* Effect.context())
  const report = (cause: unknown) =>
    log(Effect.logError("A message could not be handled", Cause.die(cause)))
  const store = yield* EventStore.open(options.store ?? { filename: ":memory:" })
  const http = createServer(Information.handler({ name, limits, authRequired }))
  const actualPort = yield* listen(http, host, port)
  const authority = `${host.includes(":") ? `[${host}]` : host}:${actualPort}`
  const hosts = [authority, `localhost:${actualPort}`]
  const outbox = Outbox.make()
  const subscriptions = Subscriptions.make<Session.Session>()
  const common = { store, subscriptions, limits, authRequired, report }
  const conversation = Conversation.make({
    publishing: Publishing.make({ ...common, millis }),
    others: [
      Asking.make({ ...common, now }),
      Authentication.make({ hosts, now }),
      Reconciling.make({ ...common, now })
    ],
    limits,
    outbox,
    report
  })

  const sessions = new Map<WebSocket, Session.Session>()
  const inbox = yield* Queue.unbounded<Conversation.Incoming>()

  const welcome = (socket: WebSocket, request: IncomingMessage) => {
    const session = Session.make(socket, request, outbox, limits, millis())
    sessions.set(socket, session)
    socket.on("message", (data, isBinary) => {
      session.isAlive = true
      receive(session, isBinary ? undefined : bytesOf(data))
    })
    socket.on("pong", () => {
      session.isAlive = true
    })
    // A broken frame or a reset connection; `close` follows.
    socket.on("error", () => {})
    socket.on("close", () => {
      sessions.delete(socket)
      conversation.leave(session)
    })
    if (auth !== "none") session.askAuth()
    outbox.flush()
  }

  const receive = (session: Session.Session, text: Buffer | undefined) => {
    session.pending++
    if (session.pending === limits.maxPending) session.pause()
    Queue.offerUnsafe(inbox, { session, text })
  }

  const settle = (messages: ReadonlyArray<Conversation.Incoming>) => {
    for (const { session } of messages) {
      if (session.pending-- === limits.maxPending) session.resume()
    }
  }

  yield* serveSockets(http, limits, welcome)

  yield* Queue.takeBetween(inbox, 1, maxTurn).pipe(
    Effect.map((messages) => {
      conversation.handle(messages)
      settle(messages)
    }),
    // The answers leave and the sockets are read, so that the next turn finds all there is.
    Effect.andThen(Effect.yieldNow),
    Effect.forever,
    Effect.forkScoped
  )

  yield* Effect.sync(() => sessions.forEach(dismissIfGone)).pipe(
    Effect.schedule(Schedule.spaced("30 seconds")),
    Effect.forkScoped
  )

  yield* Effect.sync(() => store.purge(now())).pipe(
    Effect.catchCause((cause) => Effect.logError("Expired events could not be removed", cause)),
    Effect.repeat(Schedule.spaced("1 minute")),
    Effect.forkScoped
  )

  return { url: `ws://${authority}`, host, port: actualPort }
})

export const layer = (options?: Options): Layer.Layer<RelayServer, RelayServerError> =>
  Layer.effect(RelayServer, make(options))

/** More messages than this make everybody wait for longer than it takes to write the disk. */
const maxTurn = 256

/** A frame, whatever pieces it came in. */
const bytesOf = (data: RawData): Buffer =>
  Array.isArray(data) ? Buffer.concat(data) : data instanceof ArrayBuffer ? Buffer.from(data) : data

const listen = (http: Server, host: string, port: number) =>
  Effect.acquireRelease(
    Effect.callback<number, ListenError>((resume) => {
      http.once("error", ({ message }) =>
        resume(Effect.fail(new ListenError({ host, port, message })))
      )
      http.listen(port, host, () => {
        const address = http.address()
        resume(
          Effect.succeed(typeof address === "object" && address !== null ? address.port : port)
        )
      })
    }),
    () =>
      Effect.callback<void>((resume) => {
        http.close(() => resume(Effect.void))
        http.closeAllConnections()
      })
  )

/** Compression costs more than the events of a market weigh: none is offered. */
const serveSockets = (
  http: Server,
  limits: Limits.Limits,
  welcome: (socket: WebSocket, request: IncomingMessage) => void
) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const server = new WebSocketServer({
        server: http,
        perMessageDeflate: false,
        maxPayload: limits.maxMessageLength * hardLimitFactor
      })
      server.on("connection", (socket, request) => {
        if (server.clients.size > limits.maxConnections) socket.close(1013, "too many connections")
        else welcome(socket, request)
      })
      server.on("error", () => {})
      return server
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        for (const socket of server.clients) {
          socket.close(1001, "the relay is going away")
          socket.terminate()
        }
        server.close(() => resume(Effect.void))
      })
  )

/** A message that is a little too large gets an answer; one beyond this ends the connection. */
const hardLimitFactor = 4

/** A client that has not answered since the last time is gone without a word. */
const dismissIfGone = (session: Session.Session): void => {
  if (!session.isAlive) return session.end()
  session.isAlive = false
  session.probe()
}
