/** What one relay is asked for: each inquiry is a REQ, asked again after every dial. */
import type { Filter } from "@farthing/protocol"
import { Effect } from "effect"
import type * as Authentication from "./Authentication.ts"
import * as RelayMessage from "./RelayMessage.ts"

/** What becomes of an inquiry. */
export interface Listener {
  /** The relay is about to be asked, for the first time or again: what for? */
  readonly onAsk: () => ReadonlyArray<Filter.Filter>
  readonly onEvent: (event: unknown, bytes: number) => void
  readonly onStored: () => void
  readonly onRefused: (message: string) => void
  /** The relay is busy; it will be asked again a while later. */
  readonly onPutOff: (message: string) => void
  /** An attempt to dial failed; more will follow. */
  readonly onUnreachable: () => void
}

export interface Inquiry {
  /** Tells the relay to send no more, until `resume` asks again. */
  readonly pause: () => void
  readonly resume: () => void
  readonly close: () => void
}

export interface Inquiries {
  readonly add: (listener: Listener) => Inquiry
  /** Who listens to this subscription id, if it is one of ours and still running. */
  readonly running: (id: string) => Listener | undefined
  /** The relay's EOSE. */
  readonly stored: (id: string) => void
  /** The relay's CLOSED. */
  readonly refused: (id: string, message: string) => void
  /** The relay was dialled (again). */
  readonly askAll: () => void
  /** The connection is gone, and what ran on it. */
  readonly reset: () => void
  readonly unreachable: () => void
  readonly isEmpty: () => boolean
}

interface Entry {
  readonly listener: Listener
  /** Of the running REQ; a new one each time, so that late frames of the one before are told. */
  id: string | undefined
  paused: boolean
  authenticated: boolean
  /** How often in a row the relay was too busy. */
  putOff: number
}

/** Between two attempts at a relay that is busy; in milliseconds. */
const longestWait = 60_000

export const make = (options: {
  readonly isUp: () => boolean
  readonly send: (frame: string) => void
  readonly authentication: Authentication.Authentication
  readonly fork: (effect: Effect.Effect<void>) => void
}): Inquiries => {
  const { authentication, fork, isUp, send } = options
  const entries = new Set<Entry>()
  const running = new Map<string, Entry>()
  let counter = 0

  const isRunning = ({ id }: Entry): boolean => id !== undefined && running.has(id)

  const ask = (entry: Entry): void => {
    if (!isUp() || entry.paused || !entries.has(entry) || isRunning(entry)) return
    entry.id = (counter++).toString(36)
    running.set(entry.id, entry)
    send(JSON.stringify(["REQ", entry.id, ...entry.listener.onAsk()]))
  }

  const withdraw = (entry: Entry): void => {
    if (entry.id !== undefined && running.delete(entry.id))
      send(JSON.stringify(["CLOSE", entry.id]))
  }

  /** A relay that has no time now is not one that refuses. */
  const askLater = (entry: Entry, message: string): void => {
    const wait = Math.min(1_000 * 2 ** entry.putOff, longestWait)
    entry.putOff++
    fork(
      Effect.delay(
        Effect.sync(() => ask(entry)),
        wait
      )
    )
    entry.listener.onPutOff(message)
  }

  return {
    add: (listener) => {
      const entry: Entry = {
        listener,
        id: undefined,
        paused: false,
        authenticated: false,
        putOff: 0
      }
      entries.add(entry)
      ask(entry)
      return {
        pause: () => {
          entry.paused = true
          withdraw(entry)
        },
        resume: () => {
          entry.paused = false
          ask(entry)
        },
        close: () => {
          entries.delete(entry)
          withdraw(entry)
        }
      }
    },
    running: (id) => running.get(id)?.listener,
    stored: (id) => {
      const entry = running.get(id)
      if (entry === undefined) return
      entry.putOff = 0
      entry.listener.onStored()
    },
    refused: (id, message) => {
      const entry = running.get(id)
      if (entry === undefined) return
      running.delete(id)
      if (RelayMessage.isPassing(message)) return askLater(entry, message)
      if (!RelayMessage.wantsAuthentication(message) || entry.authenticated)
        return entry.listener.onRefused(message)
      entry.authenticated = true
      authentication.request((ok, why) => (ok ? ask(entry) : entry.listener.onRefused(why)))
    },
    askAll: () => {
      for (const entry of entries) ask(entry)
    },
    reset: () => {
      running.clear()
      for (const entry of entries) entry.authenticated = false
    },
    unreachable: () => {
      for (const { listener } of entries) listener.onUnreachable()
    },
    isEmpty: () => entries.size === 0
  }
}
