/**
 * A relay that misbehaves: a proxy before an honest one, so that all that comes through it is
 * real, but for what the misbehaviour of the moment makes of it. Proxies can stand in a row.
 */
import { Effect, FiberSet, type Scope } from "effect"
import { createServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import type { RawData } from "ws"
import { WebSocket, WebSocketServer } from "ws"

/** One message of NIP-01: `["EVENT", …]`. */
export type Frame = ReadonlyArray<unknown>

/** What the relay does about a frame, or of its own accord. */
export type Deed =
  /** Sends it where it was going. */
  | { readonly _tag: "Forward"; readonly frame: Frame }
  /** Says something to the client. */
  | { readonly _tag: "Say"; readonly frame: Frame }
  /** Sends the client a message that is none: text or binary. */
  | { readonly _tag: "Babble"; readonly data: string | Uint8Array }
  /** Sends half of a WebSocket frame and resets the connection. */
  | { readonly _tag: "Break"; readonly frame: Frame }
  | { readonly _tag: "Later"; readonly millis: number; readonly deed: Deed }

/** How the relay treats one connection; what is left out is done honestly. */
export interface Conduct {
  readonly onDial?: () => ReadonlyArray<Deed>
  readonly onClient?: (frame: Frame) => ReadonlyArray<Deed>
  readonly onRelay?: (frame: Frame) => ReadonlyArray<Deed>
}

/** The conduct towards a new connection: it may count, and forgets with the connection. */
export type Misbehaviour = () => Conduct

export const honest: Misbehaviour = () => ({})

export const forward = (frame: Frame): Deed => ({ _tag: "Forward", frame })

export const say = (...frame: Frame): Deed => ({ _tag: "Say", frame })

export interface BadRelay {
  readonly url: string
  /** From now on, on every connection. */
  readonly behave: (misbehaviour: Misbehaviour) => Effect.Effect<void>
  /** How many frames of this type clients have sent. */
  readonly heard: (type: string) => number
}

/** One client, and the connection to the honest relay in its name. */
interface Line {
  readonly client: WebSocket
  readonly socket: Socket
  readonly relay: WebSocket
  /** What the client said before the honest relay could be reached. */
  readonly early: Array<string>
  conduct: Conduct
}

/** Stands before the relay at `upstream` until the scope closes. */
export const make = Effect.fnUntraced(function* (
  upstream: string,
  misbehaviour: Misbehaviour = honest
): Effect.fn.Return<BadRelay, never, Scope.Scope> {
  const run = yield* FiberSet.makeRuntime()
  const lines = new Set<Line>()
  const heard = new Map<string, number>()
  let current = misbehaviour

  const act = (line: Line, deed: Deed, isFromClient: boolean): void => {
    switch (deed._tag) {
      case "Forward": {
        const text = texts.get(deed.frame) ?? JSON.stringify(deed.frame)
        return isFromClient ? toRelay(line, text) : tell(line.client, text)
      }
      case "Say":
        return tell(line.client, JSON.stringify(deed.frame))
      case "Babble":
        return tell(line.client, deed.data)
      case "Break":
        line.socket.write(halfOf(deed.frame), () => line.socket.resetAndDestroy())
        return
      case "Later":
        run(
          Effect.andThen(
            Effect.sleep(deed.millis),
            Effect.sync(() => act(line, deed.deed, isFromClient))
          )
        )
    }
  }

  const actAll = (line: Line, deeds: ReadonlyArray<Deed>, isFromClient: boolean): void => {
    for (const deed of deeds) act(line, deed, isFromClient)
  }

  const welcome = (client: WebSocket, socket: Socket): void => {
    const relay = new WebSocket(upstream, { perMessageDeflate: false })
    const line: Line = { client, socket, relay, early: [], conduct: current() }
    lines.add(line)
    relay.on("open", () => line.early.splice(0).forEach((text) => relay.send(text)))
    client.on("message", (data) => {
      const frame = parse(data) ?? []
      const type = String(frame[0])
      heard.set(type, (heard.get(type) ?? 0) + 1)
      actAll(line, line.conduct.onClient?.(frame) ?? [forward(frame)], true)
    })
    relay.on("message", (data, isBinary) => {
      const frame = isBinary ? undefined : parse(data)
      // What a relay behind this one babbles goes on as it is.
      if (frame === undefined) return client.send(data, { binary: isBinary })
      actAll(line, line.conduct.onRelay?.(frame) ?? [forward(frame)], false)
    })
    for (const end of [client, relay])
      end
        // Its close follows.
        .on("error", () => {})
        .on("close", () => {
          lines.delete(line)
          client.terminate()
          relay.terminate()
        })
    actAll(line, line.conduct.onDial?.() ?? [], false)
  }

  const port = yield* listen(welcome)
  return {
    url: `ws://127.0.0.1:${port}`,
    behave: (next) =>
      Effect.sync(() => {
        current = next
        for (const line of lines) line.conduct = next()
      }),
    heard: (type) => heard.get(type) ?? 0
  }
})

const listen = (welcome: (client: WebSocket, socket: Socket) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: Effect.Effect<void> }>((resume) => {
      // It says nothing about itself (NIP-11).
      const http = createServer((_, response) => response.writeHead(404).end())
      const server = new WebSocketServer({ server: http, perMessageDeflate: false })
      server.on("connection", (client, request) => welcome(client, request.socket))
      const close = Effect.callback<void>((resume) => {
        for (const client of server.clients) client.terminate()
        http.close(() => resume(Effect.void))
        http.closeAllConnections()
      })
      http.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed({ port: (http.address() as AddressInfo).port, close }))
      )
    }),
    ({ close }) => close
  ).pipe(Effect.map(({ port }) => port))

/** How frames came that go on as they are. */
const texts = new WeakMap<Frame, string>()

const parse = (data: RawData): Frame | undefined => {
  const text = String(data)
  try {
    const frame: unknown = JSON.parse(text)
    if (!Array.isArray(frame)) return undefined
    texts.set(frame, text)
    return frame
  } catch {
    return undefined
  }
}

const tell = (client: WebSocket, data: string | Uint8Array): void => {
  if (client.readyState === client.OPEN) client.send(data)
}

const toRelay = ({ early, relay }: Line, text: string): void => {
  if (relay.readyState === relay.CONNECTING) early.push(text)
  else if (relay.readyState === relay.OPEN) relay.send(text)
}

/** RFC 6455, section 5.2: a final text frame that announces more than it holds. */
const halfOf = (frame: Frame): Uint8Array => {
  const text = Buffer.from(JSON.stringify(frame))
  const header = Buffer.alloc(4)
  header.writeUInt8(0x81, 0)
  header.writeUInt8(126, 1)
  header.writeUInt16BE(Math.min(text.length + 1, 0xffff), 2)
  return Buffer.concat([header, text.subarray(0, text.length >> 1)])
}
