/** Subscriptions (`REQ`, `CLOSE`): first what is stored, then what comes; and counting (NIP-45). */
import { Result } from "effect"
import * as ClientMessage from "./ClientMessage.ts"
import type { EventStore } from "./EventStore.ts"
import type { Limits } from "./Limits.ts"
import type { Part } from "./Part.ts"
import type { Session } from "./Session.ts"
import type { Subscriptions } from "./Subscriptions.ts"

export interface Options {
  readonly store: EventStore
  readonly subscriptions: Subscriptions<Session>
  readonly limits: Limits
  /** The unix second that it is. */
  readonly now: () => number
  /** Whether nothing is shown to who has not authenticated. */
  readonly authRequired: boolean
  readonly report: (cause: unknown) => void
}

export const make = (options: Options): Part => {
  const { authRequired, limits, now, report, store, subscriptions } = options

  const refusalOf = (session: Session, id: string): string | undefined => {
    if (authRequired && session.authenticated.size === 0) {
      session.askAuth()
      return "auth-required: say who you are"
    }
    return !subscriptions.has(session, id) &&
      subscriptions.count(session) >= limits.maxSubscriptions
      ? `error: more than ${limits.maxSubscriptions} subscriptions`
      : undefined
  }

  /** Answers what is asked; whatever goes wrong ends the subscription of that id. */
  const answer = (
    session: Session,
    args: ClientMessage.Arguments,
    reply: (request: ClientMessage.Request) => void
  ): void => {
    const refuse = (refusal: ClientMessage.Refusal) => {
      if (refusal._tag === "Closed") subscriptions.close(session, refusal.subscription)
      ClientMessage.refuse(session, refusal)
    }
    const decoded = ClientMessage.decodeRequest(args, limits)
    if (Result.isFailure(decoded)) return refuse(decoded.failure)
    const { subscription } = decoded.success
    const refusal = refusalOf(session, subscription)
    if (refusal !== undefined) return refuse({ _tag: "Closed", subscription, message: refusal })
    try {
      reply(decoded.success)
    } catch (cause) {
      report(cause)
      refuse({ _tag: "Closed", subscription, message: "error: the events could not be read" })
    }
  }

  return {
    verbs: {
      REQ: (session, args) =>
        answer(session, args, ({ filters, subscription }) => {
          const events = store.query(filters, { now: now(), ...limits })
          for (const { json } of events) session.event(subscription, json)
          session.eose(subscription)
          if (session.isOpen()) subscriptions.open(session, subscription, filters)
        }),
      COUNT: (session, args) =>
        answer(session, args, ({ filters, subscription }) =>
          session.say("COUNT", subscription, { count: store.count(filters, now()) })
        ),
      CLOSE: (session, args) =>
        Result.match(ClientMessage.decodeSubscription(args, limits), {
          onSuccess: (subscription) => subscriptions.close(session, subscription),
          onFailure: (refusal) => ClientMessage.refuse(session, refusal)
        })
    },
    leave: subscriptions.closeAll
  }
}
