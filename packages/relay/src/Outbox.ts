/** The events on their way to one relay: each stays until the relay has answered. */
import type * as Authentication from "./Authentication.ts"
import type { Outcome } from "./Relay.ts"
import * as RelayMessage from "./RelayMessage.ts"

export interface Publication {
  readonly id: string
  readonly frame: string
  readonly onOutcome: (outcome: Outcome) => void
}

export interface Outbox {
  /** Sends it now and after every dial, until there is an outcome or the result is called. */
  readonly add: (publication: Publication) => () => void
  /** The relay's OK. */
  readonly answered: (id: string, accepted: boolean, message: string) => void
  /** The relay was dialled (again): the same bytes go out once more. */
  readonly resend: () => void
  readonly isEmpty: () => boolean
  readonly close: () => void
}

interface Sending {
  readonly frame: string
  readonly listeners: Set<(outcome: Outcome) => void>
  authenticated: boolean
}

export const make = (options: {
  readonly url: string
  readonly send: (frame: string) => void
  readonly authentication: Authentication.Authentication
}): Outbox => {
  const { authentication, send, url } = options
  const sendings = new Map<string, Sending>()
  let closed = false

  const settle = (id: string, _tag: Outcome["_tag"], message: string): void => {
    const sending = sendings.get(id)
    sendings.delete(id)
    for (const tell of sending?.listeners ?? []) tell({ _tag, url, message })
  }

  return {
    add: ({ frame, id, onOutcome }) => {
      const known = sendings.get(id)
      const sending = known ?? { frame, listeners: new Set(), authenticated: false }
      sending.listeners.add(onOutcome)
      sendings.set(id, sending)
      if (closed) settle(id, "Unreachable", "the connection was closed")
      else if (known === undefined) send(frame)
      return () => {
        sending.listeners.delete(onOutcome)
        if (sending.listeners.size === 0 && sendings.get(id) === sending) sendings.delete(id)
      }
    },
    answered: (id, accepted, message) => {
      const sending = sendings.get(id)
      if (sending === undefined) return
      if (accepted || RelayMessage.isHeldAlready(message)) return settle(id, "Accepted", message)
      if (!RelayMessage.wantsAuthentication(message) || sending.authenticated)
        return settle(id, "Rejected", message)
      sending.authenticated = true
      authentication.request((ok, why) => (ok ? send(sending.frame) : settle(id, "Rejected", why)))
    },
    resend: () => {
      for (const sending of sendings.values()) {
        sending.authenticated = false
        send(sending.frame)
      }
    },
    isEmpty: () => sendings.size === 0,
    close: () => {
      closed = true
      for (const id of sendings.keys()) settle(id, "Unreachable", "the connection was closed")
    }
  }
}
