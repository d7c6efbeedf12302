/** The WebSocket to a relay: how it is opened, and how its end is noticed. */
import type { Duration } from "effect"
import { Context, Effect } from "effect"
import { WebSocket } from "ws"

/** A frame above this size ends the connection. */
const maxPayload = 8 * 1024 * 1024

/**
 * Opens a WebSocket. Replace it to go through a proxy or to add headers. Compression stays off:
 * inflating an event costs more than verifying it.
 */
export const RelaySocket = Context.Reference<(url: string) => WebSocket>(
  "@farthing/relay/RelaySocket",
  { defaultValue: () => (url) => new WebSocket(url, { perMessageDeflate: false, maxPayload }) }
)

/** Waits until the connection stands; fails with the reason why it does not. */
export const opened = (socket: WebSocket, timeout: Duration.Input): Effect.Effect<void, string> =>
  Effect.callback<void, string>((resume) => {
    if (socket.readyState === socket.OPEN) return resume(Effect.void)
    socket.once("open", () => resume(Effect.void))
    socket.once("error", (error) => resume(Effect.fail(error.message)))
    socket.once("close", () => resume(Effect.fail("closed at once")))
  }).pipe(
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () => Effect.fail("no connection in time")
    })
  )

export const closed = (socket: WebSocket): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (socket.readyState === socket.CLOSED) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
  })

/** What may wait for a peer that does not read as fast as it is written to, in bytes. */
const maxBacklog = 8 * 1024 * 1024

/**
 * Pings at every heartbeat, and ends when three of them brought no sign of life: a peer that died
 * without a word closes nothing. Ends too when very much waits for the peer and does not get less
 * in a heartbeat: one that talks and does not listen would fill our memory.
 */
export const silent = (socket: WebSocket, heartbeat: Duration.Input): Effect.Effect<void> =>
  Effect.suspend(() => {
    let unanswered = 0
    let backlog = Number.POSITIVE_INFINITY
    let grows = false
    const onSign = (): void => {
      unanswered = 0
    }
    for (const sign of ["message", "ping", "pong"] as const) socket.on(sign, onSign)
    const beat = Effect.suspend(() => {
      unanswered++
      grows = socket.bufferedAmount > maxBacklog && socket.bufferedAmount >= backlog
      backlog = socket.bufferedAmount
      socket.ping()
      return Effect.sleep(heartbeat)
    })
    return Effect.repeat(beat, { until: () => unanswered >= 3 || grows })
  }).pipe(Effect.asVoid)

/** Ends the connection without waiting for the other side. */
export const hangUp = (socket: WebSocket): Effect.Effect<void> =>
  Effect.sync(() => {
    socket.close()
    socket.terminate()
  })
