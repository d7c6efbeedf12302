/** A bare connection to a relay: frames as they are, with as little around them as can be. */
import type { NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import { type RawData, WebSocket } from "ws"

export interface Wire {
  readonly send: (frame: ReadonlyArray<unknown>) => void
  /** Hears every frame until it says that it has heard enough. */
  readonly listen: (hear: (frame: string) => boolean) => Promise<void>
  /** Publishes all, and waits until each was answered. */
  readonly publish: (events: ReadonlyArray<NostrEvent.NostrEvent>) => Promise<void>
  /** Asks for stored events, and waits for the end of them; answers with their number. */
  readonly ask: (filter: object) => Promise<number>
}

export const connect = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<WebSocket>((open, fail) => {
          const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 1 << 28 })
          socket.once("open", () => open(socket)).once("error", fail)
        })
    ),
    (socket) => Effect.sync(() => socket.terminate())
  ).pipe(Effect.map(over))

const over = (socket: WebSocket): Wire => {
  const send: Wire["send"] = (frame) => socket.send(JSON.stringify(frame))
  const listen: Wire["listen"] = (hear) =>
    new Promise((done) => {
      const onMessage = (data: RawData) => {
        if (!hear(String(data))) return
        socket.off("message", onMessage)
        done()
      }
      socket.on("message", onMessage)
    })
  return {
    send,
    listen,
    publish: async (events) => {
      let answered = 0
      const all = listen((frame) => frame.startsWith('["OK"') && ++answered === events.length)
      for (const event of events) send(["EVENT", event])
      await all
    },
    ask: async (filter) => {
      let count = 0
      const all = listen((frame) => {
        if (frame.startsWith('["EVENT"')) count++
        return frame.startsWith('["EOSE"')
      })
      send(["REQ", "ask", filter])
      await all
      send(["CLOSE", "ask"])
      return count
    }
  }
}
