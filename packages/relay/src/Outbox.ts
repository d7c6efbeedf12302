/** The events on their way to one relay: each stays until the relay has answered. */
import { Array as Arr, Effect } from "effect"
import type * as Authentication from "./Authentication.ts"
import type { Inquiries, Inquiry } from "./Inquiries.ts"
import type { Outcome } from "./Relay.ts"
import * as RelayMessage from "./RelayMessage.ts"

export interface Publication {
  readonly id: string
  readonly frame: string
  /** Whether the relay can be asked for it afterwards. */
  readonly isKept: boolean
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
  readonly isKept: boolean
  readonly listeners: Set<(outcome: Outcome) => void>
  authenticated: boolean
  /** On this connection or an earlier one, and not answered. */
  sent: boolean
  /** An earlier connection broke before the relay's answer: it may have taken the event then. */
  doubtful: boolean
  /** How often the relay was too busy. */
  putOff: number
  /** For how many seconds the relay has not answered. */
  silence: number
  /** The question whether the relay has it. */
  look: Look | undefined
}

/** A question which of some events the relay has. */
interface Look {
  readonly ids: Set<string>
  inquiry: Inquiry | undefined
}

/** How often a relay that is too busy is sent an event again: after one, two and four seconds. */
const mostAttempts = 3

/**
 * After so many seconds without an answer a relay is asked for the event: some never say OK, and
 * some say by a NOTICE that they were too busy to take it.
 */
const looks: ReadonlyArray<number> = [1, 3, 7, 15]

/** Relays take no filter that names very much. */
const mostIds = 100

export const make = (options: {
  readonly url: string
  readonly isUp: () => boolean
  readonly send: (frame: string) => void
  readonly authentication: Authentication.Authentication
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly ask: Inquiries["add"]
}): Outbox => {
  const { ask, authentication, fork, isUp, url } = options
  const sendings = new Map<string, Sending>()
  let closed = false
  let watching = false

  const settle = (id: string, _tag: Outcome["_tag"], message: string): void => {
    const sending = sendings.get(id)
    forget(id)
    for (const tell of sending?.listeners ?? []) tell({ _tag, url, message })
  }

  const forget = (id: string): void => {
    unlook(id)
    sendings.delete(id)
  }

  const send = (sending: Sending): void => {
    if (!isUp()) return
    sending.sent = true
    options.send(sending.frame)
  }

  const sendAgain = (sending: Sending): void => {
    sending.doubtful = sending.sent
    send(sending)
  }

  /** Nobody wants to know any more whether the relay has it. */
  const unlook = (id: string): void => {
    const sending = sendings.get(id)
    const look = sending?.look
    if (sending === undefined || look === undefined) return
    sending.look = undefined
    look.ids.delete(id)
    if (look.ids.size === 0) look.inquiry?.close()
  }

  /** Whether the relay has them, though it does not say so; if not, it gets the same bytes again. */
  const lookFor = (ids: ReadonlyArray<string>): void => {
    for (const id of ids) unlook(id)
    const look: Look = { ids: new Set(ids), inquiry: undefined }
    for (const id of ids) sendings.get(id)!.look = look
    const over = (): ReadonlyArray<string> => {
      const left = [...look.ids]
      for (const id of left) unlook(id)
      return left
    }
    look.inquiry = ask({
      onAsk: () => [{ ids: [...look.ids] }],
      onEvent: (event) => {
        const id = idOf(event)
        if (id !== undefined && look.ids.has(id)) settle(id, "Accepted", "")
      },
      onCopy: () => false,
      onStored: () => {
        for (const id of over()) sendAgain(sendings.get(id)!)
      },
      onRefused: over,
      onPutOff: over,
      onUnreachable: over
    })
    if (look.ids.size === 0) look.inquiry.close()
  }

  const count = Effect.sync(() => {
    if (!isUp()) return
    const silent: Array<string> = []
    for (const [id, sending] of sendings) {
      if (!sending.sent || !looks.includes(++sending.silence)) continue
      if (sending.isKept) silent.push(id)
      else sendAgain(sending)
    }
    for (const ids of Arr.chunksOf(silent, mostIds)) lookFor(ids)
  })

  /** Lives as long as something waits for an answer. */
  const watch = Effect.delay(count, "1 second").pipe(
    Effect.repeat({ while: () => sendings.size > 0 }),
    Effect.ensuring(Effect.sync(() => (watching = false))),
    Effect.asVoid
  )

  const sendLater = (id: string, sending: Sending): void => {
    const again = Effect.sync(() => {
      if (sendings.get(id) === sending) send(sending)
    })
    sending.sent = false
    sending.silence = 0
    fork(Effect.delay(again, 1_000 * 2 ** sending.putOff++))
  }

  /** A refusal proves that nobody has the event only where it is all that the relay was asked. */
  const refused = (id: string, { doubtful }: Sending, message: string): void =>
    doubtful
      ? settle(id, "Unreachable", `went away before its answer, and then said: ${message}`)
      : settle(id, "Rejected", message)

  return {
    add: ({ frame, id, isKept, onOutcome }) => {
      const known = sendings.get(id)
      const sending = known ?? newSending(frame, isKept)
      sending.listeners.add(onOutcome)
      sendings.set(id, sending)
      if (closed) settle(id, "Unreachable", "the connection was closed")
      else if (known === undefined) send(sending)
      if (!watching && !closed) {
        watching = true
        fork(watch)
      }
      return () => {
        sending.listeners.delete(onOutcome)
        if (sending.listeners.size > 0 || sendings.get(id) !== sending) return
        forget(id)
      }
    },
    answered: (id, accepted, message) => {
      const sending = sendings.get(id)
      if (sending === undefined) return
      if (accepted || RelayMessage.isHeldAlready(message)) return settle(id, "Accepted", message)
      if (RelayMessage.isPassing(message) && sending.putOff < mostAttempts)
        return sendLater(id, sending)
      if (!RelayMessage.wantsAuthentication(message) || sending.authenticated)
        return refused(id, sending, message)
      sending.authenticated = true
      authentication.request((ok, why) => (ok ? send(sending) : refused(id, sending, why)))
    },
    resend: () => {
      for (const sending of sendings.values()) {
        sending.authenticated = false
        sending.silence = 0
        sendAgain(sending)
      }
    },
    isEmpty: () => sendings.size === 0,
    close: () => {
      closed = true
      for (const id of sendings.keys()) settle(id, "Unreachable", "the connection was closed")
    }
  }
}

const idOf = (event: unknown): string | undefined =>
  typeof event === "object" && event !== null && "id" in event && typeof event.id === "string"
    ? event.id
    : undefined

const newSending = (frame: string, isKept: boolean): Sending => ({
  frame,
  isKept,
  listeners: new Set(),
  authenticated: false,
  sent: false,
  doubtful: false,
  putOff: 0,
  silence: 0,
  look: undefined
})
