/**
 * A relay that is not ours: a proxy before an honest one, so that all that comes through it is
 * real, but for its manners. They stand in a row between the client and the honest relay, and each
 * may change, hold back, answer or add what passes. Proxies can stand in a row, too.
 */
import { Effect, FiberSet, type Scope } from "effect"
import { createServer, type Server } from "node:http"
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
  /** Asks the honest relay something in the client's name. */
  | { readonly _tag: "Ask"; readonly frame: Frame }
  /** Sends the client a message that is none: text or binary. */
  | { readonly _tag: "Babble"; readonly data: string | Uint8Array }
  /** Sends half of a WebSocket frame and resets the connection. */
  | { readonly _tag: "Break"; readonly frame: Frame }
  /** Is gone without a word: no close frame. */
  | { readonly _tag: "HangUp" }
  /** Neither reads nor answers for so long, pings included; the connection stands. */
  | { readonly _tag: "Freeze"; readonly millis: number }
  | { readonly _tag: "Later"; readonly millis: number; readonly deed: Deed }
  /** Held back with everything else that is, until the first of it has waited for so long. */
  | { readonly _tag: "Together"; readonly millis: number; readonly deed: Deed }

/** How the relay treats one connection; what is left out is done honestly. */
export interface Conduct {
  readonly onDial?: () => ReadonlyArray<Deed>
  readonly onClient?: (frame: Frame) => ReadonlyArray<Deed>
  readonly onRelay?: (frame: Frame) => ReadonlyArray<Deed>
}

/** The conduct towards a new connection: it may count, and forgets with the connection. */
export type Manner = () => Conduct

/** What distinguishes a relay from the honest one behind it. */
export interface Make {
  /** From the client's side inwards. */
  readonly manners: ReadonlyArray<Manner>
  /** What it says about itself (NIP-11); default: nothing. */
  readonly information?: object
}

/** A relay that has these manners and says nothing about itself. */
export const of = (...manners: ReadonlyArray<Manner>): Make => ({ manners })

export const honest = of()

export const forward = (frame: Frame): Deed => ({ _tag: "Forward", frame })

export const say = (...frame: Frame): Deed => ({ _tag: "Say", frame })

export const ask = (...frame: Frame): Deed => ({ _tag: "Ask", frame })

export interface OtherRelay {
  readonly url: string
  /** From now on, on every connection. */
  readonly behave: (make: Make) => Effect.Effect<void>
  /** How many frames of this type clients have sent. */
  readonly heard: (type: string) => number
  /** Connections taken so far. */
  readonly dialled: () => number
  /** Cuts all connections without a close frame. */
  readonly cut: Effect.Effect<void>
  /** Dies: all connections are cut, and nobody listens at its address until it is up again. */
  readonly down: Effect.Effect<void>
  readonly up: Effect.Effect<void>
}

/** One client, and the connection to the honest relay in its name. */
interface Line {
  readonly client: WebSocket
  readonly socket: Socket
  readonly relay: WebSocket
  /** What the client said before the honest relay could be reached. */
  readonly early: Array<string>
  conduct: ReadonlyArray<Conduct>
  frozen: boolean
}

type Direction = "inwards" | "outwards"

/** Stands before the relay at `upstream` until the scope closes. */
export const make = Effect.fnUntraced(function* (
  upstream: string,
  initial: Make = honest
): Effect.fn.Return<OtherRelay, never, Scope.Scope> {
  const run = yield* FiberSet.makeRuntime()
  const lines = new Set<Line>()
  const heard = new Map<string, number>()
  let current = initial
  let dialled = 0
  let held: Array<() => void> | undefined

  const conductOf = ({ manners }: Make) => manners.map((manner) => manner())

  const after = (millis: number, deed: () => void): void => {
    run(Effect.andThen(Effect.sleep(millis), Effect.sync(deed)))
  }

  const hold = (millis: number, deed: () => void): void => {
    if (held !== undefined) return void held.push(deed)
    const gathered = [deed]
    held = gathered
    after(millis, () => {
      held = undefined
      for (const one of gathered) one()
    })
  }

  /** On its way to the honest relay, from the manner at `place` on. */
  const inwards = (line: Line, frame: Frame, place: number): void => {
    const conduct = line.conduct[place]
    if (conduct === undefined) toRelay(line, textOf(frame))
    else actAll(line, place, "inwards", conduct.onClient?.(frame) ?? [forward(frame)])
  }

  /** On its way to the client, from the manner at `place` on. */
  const outwards = (line: Line, frame: Frame, place: number): void => {
    const conduct = line.conduct[place]
    if (conduct === undefined) tell(line, textOf(frame))
    else actAll(line, place, "outwards", conduct.onRelay?.(frame) ?? [forward(frame)])
  }

  const act = (line: Line, place: number, direction: Direction, deed: Deed): void => {
    switch (deed._tag) {
      case "Forward":
        return direction === "inwards"
          ? inwards(line, deed.frame, place + 1)
          : outwards(line, deed.frame, place - 1)
      case "Say":
        return outwards(line, deed.frame, place - 1)
      case "Ask":
        return inwards(line, deed.frame, place + 1)
      case "Babble":
        return tell(line, deed.data)
      case "Break":
        line.socket.write(halfOf(deed.frame), () => line.socket.resetAndDestroy())
        return
      case "HangUp":
        return line.client.terminate()
      case "Freeze":
        line.frozen = true
        line.client.pause()
        return after(deed.millis, () => {
          line.frozen = false
          line.client.resume()
        })
      case "Later":
        return after(deed.millis, () => act(line, place, direction, deed.deed))
      case "Together":
        return hold(deed.millis, () => act(line, place, direction, deed.deed))
    }
  }

  const actAll = (
    line: Line,
    place: number,
    direction: Direction,
    deeds: ReadonlyArray<Deed>
  ): void => {
    for (const deed of deeds) act(line, place, direction, deed)
  }

  const welcome = (client: WebSocket, socket: Socket): void => {
    const relay = new WebSocket(upstream, { perMessageDeflate: false })
    const conduct = conductOf(current)
    const line: Line = { client, socket, relay, early: [], conduct, frozen: false }
    dialled++
    lines.add(line)
    relay.on("open", () => line.early.splice(0).forEach((text) => relay.send(text)))
    client.on("message", (data) => {
      const frame = parse(data) ?? []
      const type = String(frame[0])
      heard.set(type, (heard.get(type) ?? 0) + 1)
      inwards(line, frame, 0)
    })
    relay.on("message", (data, isBinary) => {
      const frame = isBinary ? undefined : parse(data)
      // What a relay behind this one babbles goes on as it is.
      if (frame === undefined) return client.send(data, { binary: isBinary })
      outwards(line, frame, line.conduct.length - 1)
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
    conduct.forEach(({ onDial }, place) =>
      actAll(line, place, "outwards", onDial === undefined ? [] : onDial())
    )
  }

  const cut = Effect.sync(() => {
    for (const { client } of lines) client.terminate()
  })

  let port = 0
  let server: Server | undefined
  const up = Effect.suspend(() =>
    listen(port, () => current.information, welcome).pipe(
      Effect.map((listening) => {
        server = listening
        port = (listening.address() as AddressInfo).port
      })
    )
  )
  const down = Effect.suspend(() => {
    const listening = server
    server = undefined
    return Effect.andThen(cut, listening === undefined ? Effect.void : closed(listening))
  })
  yield* Effect.acquireRelease(up, () => down)

  return {
    url: `ws://127.0.0.1:${port}`,
    behave: (next) =>
      Effect.sync(() => {
        current = next
        for (const line of lines) line.conduct = conductOf(next)
      }),
    heard: (type) => heard.get(type) ?? 0,
    dialled: () => dialled,
    cut,
    down,
    up
  }
})

const listen = (
  port: number,
  information: () => object | undefined,
  welcome: (client: WebSocket, socket: Socket) => void
) =>
  Effect.callback<Server>((resume) => {
    const http = createServer((_, response) => {
      const document = information()
      if (document === undefined) return response.writeHead(404).end()
      response.writeHead(200, { "content-type": "application/nostr+json" })
      return response.end(JSON.stringify(document))
    })
    new WebSocketServer({ server: http, perMessageDeflate: false }).on(
      "connection",
      (client, request) => welcome(client, request.socket)
    )
    http.listen(port, "127.0.0.1", () => resume(Effect.succeed(http)))
  })

const closed = (server: Server) =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

/** How frames came that go on as they are. */
const texts = new WeakMap<Frame, string>()

const textOf = (frame: Frame): string => texts.get(frame) ?? JSON.stringify(frame)

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

const tell = ({ client, frozen }: Line, data: string | Uint8Array): void => {
  if (client.readyState === client.OPEN && !frozen) client.send(data)
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
