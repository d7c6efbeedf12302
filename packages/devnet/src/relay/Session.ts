/** One connection: what the relay says on it, and what it knows about who is there. */
import { randomBytes } from "node:crypto"
import type { IncomingMessage } from "node:http"
import { WebSocket } from "ws"
import type { Limits } from "./Limits.ts"
import type { Outbox } from "./Outbox.ts"

export interface Session {
  /** NIP-42: what the client has to sign to prove who it is. */
  readonly challenge: string
  /** The host that the client dialled, as its handshake names it. */
  readonly host: string | undefined
  /** The keys that the client proved to have (NIP-42). */
  readonly authenticated: Set<string>
  /** Messages that wait for their turn. */
  pending: number
  /** NIP-01 has no ping: a client that answers none of the WebSocket's is gone. */
  isAlive: boolean
  readonly allowance: Allowance

  readonly isOpen: () => boolean
  readonly event: (subscription: string, json: string) => void
  readonly eose: (subscription: string) => void
  readonly closed: (subscription: string, message: string) => void
  readonly ok: (id: string, accepted: boolean, message?: string) => void
  readonly notice: (message: string) => void
  readonly askAuth: () => void
  /** Whatever else a relay may say. */
  readonly say: (...message: ReadonlyArray<unknown>) => void

  readonly pause: () => void
  readonly resume: () => void
  readonly probe: () => void
  readonly end: () => void
}

/** Events that may still be published: a bucket that fills with time. */
interface Allowance {
  tokens: number
  filledAt: number
}

export const make = (
  socket: WebSocket,
  request: IncomingMessage,
  outbox: Outbox,
  limits: Limits,
  now: number
): Session => {
  const challenge = randomBytes(16).toString("hex")

  /** A client that does not read what it asked for is cut off before it costs too much memory. */
  const send = (text: string): void => {
    if (socket.readyState !== WebSocket.OPEN) return
    if (socket.bufferedAmount > limits.maxBacklog) return socket.terminate()
    outbox.gather(request.socket)
    socket.send(text)
  }
  const say = (...message: ReadonlyArray<unknown>) => send(JSON.stringify(message))

  return {
    challenge,
    host: request.headers.host,
    authenticated: new Set(),
    pending: 0,
    isAlive: true,
    allowance: { tokens: limits.eventsPerSecond, filledAt: now },
    isOpen: () => socket.readyState === WebSocket.OPEN,
    event: (subscription, json) => send(`["EVENT",${JSON.stringify(subscription)},${json}]`),
    eose: (subscription) => say("EOSE", subscription),
    closed: (subscription, message) => say("CLOSED", subscription, message),
    ok: (id, accepted, message = "") => say("OK", id, accepted, message),
    notice: (message) => say("NOTICE", message),
    askAuth: () => say("AUTH", challenge),
    say,
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    probe: () => socket.ping(),
    end: () => socket.terminate()
  }
}

/** Takes one event from the allowance; `now` in milliseconds. */
export const takeAllowance = ({ allowance }: Session, limits: Limits, now: number): boolean => {
  const rate = limits.eventsPerSecond
  if (rate === Number.POSITIVE_INFINITY) return true
  const earned = (Math.max(0, now - allowance.filledAt) * rate) / 1_000
  allowance.tokens = Math.min(rate, allowance.tokens + earned)
  allowance.filledAt = now
  if (allowance.tokens < 1) return false
  allowance.tokens -= 1
  return true
}
