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
  /** Whether the event is one that has been taken already: then it is not read. */
  readonly onCopy: (glance: RelayMessage.Glance) => boolean
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
  /** The relay's NOTICE, which may stand for a CLOSED. */
  readonly noticed: (message: string) => void
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
  /** Whether the relay has answered the running REQ in any way. */
  heard: boolean
  /** Whether a notice may have refused the running REQ. */
  doubted: boolean
  /** Since when (unix milliseconds) the running REQ brings what is new. */
  live: number | undefined
  /** How often it was asked again because of a notice. */
  repeated: number
  /** How often in a row the relay has put it off, or ended it soon. */
  putOff: number
  /** It is to be asked again, at the latest when its time has come. */
  waiting: boolean
}

// In milliseconds.
/** The first wait for a relay that is busy; each further one is twice as long. */
const busyWait = 1_000
/** A relay that ended what it had begun is asked at once, and waited for the next time. */
const endedWait = 100
const longestWait = 60_000
/** What was ended after so long was not refused. */
const steady = 10_000

/** How often something is asked for that a notice may have refused. */
const mostRepeats = 3

export const make = (options: {
  readonly isUp: () => boolean
  readonly send: (frame: string) => void
  readonly authentication: Authentication.Authentication
  readonly fork: (effect: Effect.Effect<void>) => void
  /** Unix milliseconds. */
  readonly millis: () => number
  /** How many REQs the relay lets run at a time. */
  readonly room: () => number
}): Inquiries => {
  const { authentication, fork, isUp, millis, room, send } = options
  const entries = new Set<Entry>()
  const running = new Map<string, Entry>()
  let counter = 0

  const isRunning = ({ id }: Entry): boolean => id !== undefined && running.has(id)

  const lasted = ({ live }: Entry): boolean => live !== undefined && millis() - live >= steady

  const ask = (entry: Entry): void => {
    if (!isUp() || entry.paused || !entries.has(entry) || isRunning(entry)) return
    if (running.size >= room()) return putOff(entry, "rate-limited: too many subscriptions")
    entry.id = (counter++).toString(36)
    entry.heard = false
    entry.doubted = false
    entry.live = undefined
    entry.waiting = false
    running.set(entry.id, entry)
    send(JSON.stringify(["REQ", entry.id, ...entry.listener.onAsk()]))
  }

  const withdraw = (entry: Entry): void => {
    entry.waiting = false
    if (entry.id === undefined || !running.delete(entry.id)) return
    send(JSON.stringify(["CLOSE", entry.id]))
    makeUseOfRoom()
  }

  /** A relay that lets so many run and no more has room for another one. */
  const makeUseOfRoom = (): void => {
    for (const entry of entries) if (entry.waiting) return ask(entry)
  }

  const askAfter = (entry: Entry, wait: number): void => {
    entry.waiting = true
    entry.putOff++
    fork(
      Effect.delay(
        Effect.sync(() => {
          if (entry.waiting) ask(entry)
        }),
        wait
      )
    )
  }

  /** A relay that has no time now is not one that refuses. */
  const putOff = (entry: Entry, message: string): void => {
    askAfter(entry, Math.min(busyWait * 2 ** entry.putOff, longestWait))
    entry.listener.onPutOff(message)
  }

  /** A relay that had taken it, for whatever reason it ends it, may take it again. */
  const ended = (entry: Entry, message: string): void => {
    if (lasted(entry)) entry.putOff = 0
    entry.authenticated = false
    askAfter(entry, Math.min(endedWait * (2 ** entry.putOff - 1), longestWait))
    entry.listener.onPutOff(message)
  }

  const refused = (entry: Entry, message: string): void => {
    if (RelayMessage.isPassing(message)) return putOff(entry, message)
    if (!RelayMessage.wantsAuthentication(message) || entry.authenticated)
      return entry.listener.onRefused(message)
    entry.authenticated = true
    authentication.request((ok, why) => (ok ? ask(entry) : entry.listener.onRefused(why)))
  }

  /**
   * Whatever the notice was about: a REQ that stays without any answer may have been refused by it.
   * It is sent again a few times, and then left alone: it may as well have been taken.
   */
  const noticed = (message: string): void => {
    for (const [id, entry] of running) {
      if (entry.heard || entry.doubted || entry.repeated >= mostRepeats) continue
      entry.doubted = true
      const check = Effect.sync(() => {
        if (running.get(id) === entry && !entry.heard) repeat(entry, message)
      })
      fork(Effect.delay(check, busyWait * 2 ** entry.repeated))
    }
  }

  const repeat = (entry: Entry, message: string): void => {
    entry.repeated++
    withdraw(entry)
    if (RelayMessage.wantsAuthentication(message)) return refused(entry, message)
    entry.listener.onPutOff(message)
    ask(entry)
  }

  return {
    add: (listener) => {
      const entry: Entry = {
        listener,
        id: undefined,
        paused: false,
        authenticated: false,
        heard: false,
        doubted: false,
        live: undefined,
        repeated: 0,
        putOff: 0,
        waiting: false
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
    running: (id) => {
      const entry = running.get(id)
      if (entry === undefined) return undefined
      entry.heard = true
      return entry.listener
    },
    stored: (id) => {
      const entry = running.get(id)
      if (entry === undefined) return
      entry.heard = true
      entry.live ??= millis()
      entry.listener.onStored()
    },
    refused: (id, message) => {
      const entry = running.get(id)
      if (entry === undefined) return
      running.delete(id)
      if (entry.live === undefined) refused(entry, message)
      else ended(entry, message)
    },
    noticed,
    askAll: () => {
      for (const entry of entries) ask(entry)
    },
    reset: () => {
      running.clear()
      for (const entry of entries) {
        if (lasted(entry)) entry.putOff = 0
        entry.repeated = 0
        entry.authenticated = false
        entry.waiting = false
      }
    },
    unreachable: () => {
      for (const { listener } of entries) listener.onUnreachable()
    },
    isEmpty: () => entries.size === 0
  }
}
