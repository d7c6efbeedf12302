/** Finding out what one side has and the other has not (NIP-77: `NEG-OPEN`, `NEG-MSG`, `NEG-CLOSE`). */
import * as Negentropy from "@farthing/protocol/Negentropy"
import { Result } from "effect"
import * as ClientMessage from "./ClientMessage.ts"
import type { EventStore } from "./EventStore.ts"
import type { Limits } from "./Limits.ts"
import type { Part } from "./Part.ts"
import type { Session } from "./Session.ts"

export interface Options {
  readonly store: EventStore
  readonly limits: Limits
  /** The unix second that it is. */
  readonly now: () => number
  /** Whether nothing is shown to who has not authenticated. */
  readonly authRequired: boolean
}

/** Reconciliations of one connection at a time; each keeps the ids of its events in memory. */
const mostOpen = 4

/** Events of one reconciliation. */
const mostEvents = 200_000

/** Two hex digits to a byte, and what stands around them. */
const frameLimitOf = (limits: Limits): number => Math.floor(limits.maxMessageLength / 2) - 1_024

export const make = ({ authRequired, limits, now, store }: Options): Part => {
  const bySession = new WeakMap<Session, Map<string, Negentropy.Reconciliation>>()

  const openOf = (session: Session): Map<string, Negentropy.Reconciliation> => {
    const open = bySession.get(session) ?? new Map<string, Negentropy.Reconciliation>()
    bySession.set(session, open)
    return open
  }

  const end = (session: Session, id: string, reason: string): void => {
    openOf(session).delete(id)
    session.say("NEG-ERR", id, reason)
  }

  const answer = (
    session: Session,
    id: string,
    reconciliation: Negentropy.Reconciliation,
    message: unknown
  ): void => {
    const step = reconciliation.answer(typeof message === "string" ? message : "")
    if (Result.isFailure(step)) return end(session, id, `error: ${step.failure.message}`)
    session.say("NEG-MSG", id, step.success.reply)
  }

  const refusalOf = (session: Session, id: string): string | undefined => {
    if (authRequired && session.authenticated.size === 0) {
      session.askAuth()
      return "auth-required: say who you are"
    }
    const open = openOf(session)
    return !open.has(id) && open.size >= mostOpen
      ? `blocked: more than ${mostOpen} at a time`
      : undefined
  }

  const begin = (session: Session, id: string, filter: unknown, message: unknown): void => {
    const refusal = refusalOf(session, id)
    if (refusal !== undefined) return end(session, id, refusal)
    const filters = ClientMessage.decodeFilters([filter], limits)
    if (Result.isFailure(filters)) return end(session, id, filters.failure)
    if (store.count(filters.success, now()) > mostEvents)
      return end(session, id, "blocked: too many events")
    const events = store.query(filters.success, {
      now: now(),
      maxLimit: mostEvents,
      defaultLimit: mostEvents
    })
    const reconciliation = Negentropy.make(
      events.map(({ created_at, id }) => ({ created_at, id })),
      { role: "responder", frameLimit: frameLimitOf(limits) }
    )
    openOf(session).set(id, reconciliation)
    answer(session, id, reconciliation, message)
  }

  /** What all three begin with. */
  const named =
    (act: (session: Session, id: string, args: ClientMessage.Arguments) => void) =>
    (session: Session, [first, ...args]: ClientMessage.Arguments): void =>
      Result.match(ClientMessage.decodeSubscription([first], limits), {
        onSuccess: (id) => act(session, id, args),
        onFailure: (refusal) => ClientMessage.refuse(session, refusal)
      })

  return {
    verbs: {
      "NEG-OPEN": named((session, id, [filter, message]) => begin(session, id, filter, message)),
      "NEG-MSG": named((session, id, [message]) => {
        const reconciliation = openOf(session).get(id)
        if (reconciliation === undefined) end(session, id, "closed: nothing of that name is open")
        else answer(session, id, reconciliation, message)
      }),
      "NEG-CLOSE": named((session, id) => {
        openOf(session).delete(id)
      })
    }
  }
}
