/** A Nostr client of a few lines over a plain WebSocket: says what it is told, keeps what it hears. */
import { Effect } from "effect"
import type { NostrEvent } from "@farthing/protocol"
import type { ClientOptions } from "ws"
import { WebSocket } from "ws"

export type Message = ReadonlyArray<unknown>

export interface RawClient {
  readonly socket: WebSocket
  readonly send: (...message: Message) => void
  /** The next message that has not been taken yet. */
  readonly next: Effect.Effect<Message>
  /** What has come and has not been taken. */
  readonly unread: ReadonlyArray<Message>
  /** The `OK` to this event, passing over other messages. */
  readonly publish: (event: NostrEvent.NostrEvent) => Effect.Effect<Message>
  /** What is stored for the filters: the events up to EOSE; the subscription is closed again. */
  readonly query: (
    ...filters: ReadonlyArray<object>
  ) => Effect.Effect<ReadonlyArray<NostrEvent.NostrEvent>>
  /** The code with which the connection ended. */
  readonly closed: Effect.Effect<number>
}

export const connect = (url: string, options: ClientOptions = {}) =>
  Effect.acquireRelease(
    Effect.callback<WebSocket>((resume) => {
      const socket = new WebSocket(url, { perMessageDeflate: false, ...options })
      socket.once("open", () => resume(Effect.succeed(socket)))
    }).pipe(Effect.map(fromSocket)),
    ({ socket }) => Effect.sync(() => socket.terminate())
  )

const fromSocket = (socket: WebSocket): RawClient => {
  const heard: Array<Message> = []
  const waiting: Array<() => void> = []
  let code: number | undefined
  const wake = () => waiting.splice(0).forEach((resume) => resume())
  socket.on("message", (data) => {
    heard.push(JSON.parse(String(data)))
    wake()
  })
  socket.on("error", () => {})
  socket.on("close", (value) => {
    code = value
    wake()
  })
  const when = <A>(look: () => A | undefined): Effect.Effect<A> =>
    Effect.callback<A>((resume) => {
      const attempt = () => {
        const found = look()
        if (found === undefined) waiting.push(attempt)
        else resume(Effect.succeed(found))
      }
      attempt()
    })
  const send = (...message: Message) => socket.send(JSON.stringify(message))
  const next = when(() => heard.shift())
  const nextWhere = (wanted: (message: Message) => boolean): Effect.Effect<Message> =>
    Effect.filterOrElse(next, wanted, () => nextWhere(wanted))
  let queries = 0
  return {
    socket,
    send,
    next,
    unread: heard,
    publish: (event) =>
      Effect.suspend(() => {
        send("EVENT", event)
        return nextWhere(([type, id]) => type === "OK" && id === event.id)
      }),
    query: (...filters) =>
      Effect.gen(function* () {
        const id = `query-${queries++}`
        send("REQ", id, ...filters)
        const events: Array<NostrEvent.NostrEvent> = []
        for (;;) {
          const [type, subscription, payload] = yield* next
          if (subscription !== id) continue
          if (type === "EVENT") events.push(payload as NostrEvent.NostrEvent)
          if (type === "CLOSED") return yield* Effect.die(new Error(String(payload)))
          if (type === "EOSE") break
        }
        send("CLOSE", id)
        return events
      }),
    closed: when(() => code)
  }
}
