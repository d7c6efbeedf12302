/**
 * Events that come in (`EVENT`): who listens hears them at once, who published them hears `OK`
 * when they are on disk.
 */
import { NostrEvent } from "@farthing/protocol"
import { Result } from "effect"
import * as Admission from "./Admission.ts"
import * as ClientMessage from "./ClientMessage.ts"
import type { EventStore, Outcome } from "./EventStore.ts"
import type { Limits } from "./Limits.ts"
import type { Part } from "./Part.ts"
import type { Session } from "./Session.ts"
import { takeAllowance } from "./Session.ts"
import type { Subscriptions } from "./Subscriptions.ts"

export interface Options {
  readonly store: EventStore
  readonly subscriptions: Subscriptions<Session>
  readonly limits: Limits
  /** The unix millisecond that it is. */
  readonly millis: () => number
  /** Whether nothing is taken from who has not authenticated. */
  readonly authRequired: boolean
  readonly report: (cause: unknown) => void
}

export interface Publishing extends Part {
  /** Makes durable what came in since the last time; calls when everybody was told so. */
  readonly commit: (done: () => void) => void
}

interface Unanswered {
  readonly session: Session
  readonly id: string
  readonly outcome: Outcome
}

export const make = (options: Options): Publishing => {
  const { authRequired, limits, millis, report, store, subscriptions } = options
  let unanswered: Array<Unanswered> = []

  const broadcast = (event: NostrEvent.NostrEvent, json: string): void =>
    subscriptions.forEachMatching(event, (session, id) => session.event(id, json))

  const refusalOf = (session: Session, event: NostrEvent.NostrEvent): string | undefined => {
    const now = millis()
    if (authRequired && session.authenticated.size === 0) return strange
    if (!takeAllowance(session, limits, now)) return "rate-limited: slow down"
    if (Admission.isProtected(event) && !session.authenticated.has(event.pubkey))
      return session.authenticated.size === 0 ? notItsAuthorYet : notItsAuthor
    return Admission.refusalOf(event, Math.floor(now / 1_000), limits)
  }

  /** An event that cannot be stored takes none of the others with it. */
  const keep = (session: Session, event: NostrEvent.NostrEvent): void => {
    const json = JSON.stringify(event)
    try {
      const outcome = store.put(event, json)
      if (outcome === "Stored") broadcast(event, json)
      unanswered.push({ session, id: event.id, outcome })
    } catch (cause) {
      report(cause)
      session.ok(event.id, ...notStored)
    }
  }

  return {
    verbs: {
      EVENT: (session, args) => {
        const decoded = ClientMessage.decodeEvent(args)
        if (Result.isFailure(decoded)) return ClientMessage.refuse(session, decoded.failure)
        const event = decoded.success
        const refusal = refusalOf(session, event)
        if (refusal !== undefined) {
          if (refusal.startsWith("auth-required:")) session.askAuth()
          return session.ok(event.id, false, refusal)
        }
        if (!NostrEvent.isEphemeral(event.kind)) return keep(session, event)
        session.ok(event.id, true)
        broadcast(event, JSON.stringify(event))
      }
    },
    commit: (done) => {
      const answered = unanswered
      unanswered = []
      store.commit((error) => {
        if (error !== null) report(error)
        for (const { id, outcome, session } of answered)
          session.ok(id, ...(error === null ? answers[outcome] : notStored))
        done()
      })
    }
  }
}

const strange = "auth-required: say who you are"
const notItsAuthorYet = "auth-required: only its author may publish this event"
const notItsAuthor = "restricted: only its author may publish this event"

type Answer = readonly [accepted: boolean, message?: string]

const notStored: Answer = [false, "error: the event could not be stored"]

const answers: Record<Outcome, Answer> = {
  Stored: [true],
  Duplicate: [true, "duplicate: already have this event"],
  Replaced: [false, "replaced: have a newer version of this event"],
  Deleted: [false, "blocked: its author deleted this event"]
}
