/**
 * What the relay does with what clients say: every message of every connection in the order of
 * its arrival, one after the other. So what a subscription is sent as stored and what it is sent
 * live neither overlap nor leave a gap, and a client finds what it published before it asked.
 *
 * Events that arrive together are stored together: one transaction, one write to the disk, and
 * the `OK` of each only after it.
 */
import type { Filter } from "@farthing/protocol"
import { NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Clock, Effect, Result } from "effect"
import * as Admission from "./Admission.ts"
import * as ClientMessage from "./ClientMessage.ts"
import type { EventStore, Outcome } from "./EventStore.ts"
import type { Limits } from "./Limits.ts"
import type { Session } from "./Session.ts"
import { takeAllowance } from "./Session.ts"
import * as Subscriptions from "./Subscriptions.ts"

export interface Options {
  readonly store: EventStore
  readonly limits: Limits
  readonly authRequired: boolean
  /** The hosts that an `AUTH` event may name, besides the one that the client dialled. */
  readonly hosts: ReadonlyArray<string>
}

export interface Incoming {
  readonly session: Session
  readonly text: string
}

export interface Conversation {
  readonly handle: (messages: ReadonlyArray<Incoming>) => Effect.Effect<void>
  readonly leave: (session: Session) => void
}

interface Admitted {
  readonly session: Session
  readonly event: NostrEvent.NostrEvent
}

/** Larger transactions gain little and let everybody else wait. */
const maxBatch = 256

export const make = ({ authRequired, hosts, limits, store }: Options) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const seconds = () => UnixTime.fromMillis(clock.currentTimeMillisUnsafe())
    const subscriptions = Subscriptions.make<Session>()

    const broadcast = (event: NostrEvent.NostrEvent) => {
      let json: string | undefined
      subscriptions.forEachMatching(event, (session, id) =>
        session.event(id, (json ??= JSON.stringify(event)))
      )
    }

    const isStranger = (session: Session) => authRequired && session.authenticated.size === 0

    const refusalOf = (session: Session, event: NostrEvent.NostrEvent): string | undefined => {
      if (isStranger(session)) return "auth-required: say who you are"
      if (!takeAllowance(session, limits, clock.currentTimeMillisUnsafe()))
        return "rate-limited: slow down"
      return Admission.refusalOf(event, seconds(), limits)
    }

    /** Whether the event goes on to the store. */
    const admit = ({ event, session }: Admitted): boolean => {
      const refusal = refusalOf(session, event)
      if (refusal !== undefined) {
        if (isStranger(session)) session.askAuth()
        session.ok(event.id, false, refusal)
        return false
      }
      if (!NostrEvent.isEphemeral(event.kind)) return true
      session.ok(event.id, true)
      broadcast(event)
      return false
    }

    const storeAndTell = (batch: ReadonlyArray<Admitted>) =>
      Effect.map(store.store(batch.map(({ event }) => event)), (outcomes) =>
        outcomes.forEach((outcome, index) => {
          const { event, session } = batch[index]!
          session.ok(event.id, ...answers[outcome])
          if (outcome === "Stored") broadcast(event)
        })
      )

    /** An event that cannot be stored takes none of its batch with it. */
    const publish = (batch: ReadonlyArray<Admitted>): Effect.Effect<void> =>
      batch.length === 0
        ? Effect.void
        : Effect.catchCause(storeAndTell(batch), (cause) => {
            const [only, ...others] = batch
            if (only === undefined || others.length > 0)
              return Effect.forEach(batch, (one) => publish([one]), { discard: true })
            only.session.ok(only.event.id, false, "error: the event could not be stored")
            return Effect.logError("An event could not be stored", cause)
          })

    const authenticate = (session: Session, event: NostrEvent.NostrEvent): void => {
      const refusal = Admission.authRefusalOf(event, seconds(), {
        challenge: session.challenge,
        hosts: session.host === undefined ? hosts : [session.host, ...hosts]
      })
      if (refusal === undefined) session.authenticated.add(event.pubkey)
      session.ok(event.id, refusal === undefined, refusal)
    }

    const subscribe = (session: Session, id: string, filters: ReadonlyArray<Filter.Filter>) => {
      const refuse = (message: string) => {
        subscriptions.close(session, id)
        session.closed(id, message)
      }
      if (isStranger(session)) {
        session.askAuth()
        return Effect.sync(() => refuse("auth-required: say who you are"))
      }
      if (
        !subscriptions.has(session, id) &&
        subscriptions.count(session) >= limits.maxSubscriptions
      )
        return Effect.sync(() =>
          refuse(`error: more than ${limits.maxSubscriptions} subscriptions`)
        )
      return store.query(filters, { now: seconds(), ...limits }).pipe(
        Effect.map((events) => {
          for (const event of events) session.event(id, event.json)
          session.eose(id)
          if (session.isOpen()) subscriptions.open(session, id, filters)
        }),
        Effect.catchCause((cause) => {
          refuse("error: the events could not be read")
          return Effect.logError("Events could not be read", cause)
        })
      )
    }

    const refuse = (session: Session, refusal: ClientMessage.Refusal): void => {
      switch (refusal._tag) {
        case "Notice":
          return session.notice(refusal.message)
        case "NotOk":
          return session.ok(refusal.id, false, refusal.message)
        case "Closed":
          subscriptions.close(session, refusal.subscription)
          return session.closed(refusal.subscription, refusal.message)
      }
    }

    const handle = Effect.fnUntraced(function* (messages: ReadonlyArray<Incoming>) {
      let batch: Array<Admitted> = []
      for (const { session, text } of messages) {
        const decoded = ClientMessage.decode(text, limits)
        if (Result.isFailure(decoded)) {
          refuse(session, decoded.failure)
          continue
        }
        const message = decoded.success
        switch (message._tag) {
          case "Event": {
            const admitted = { session, event: message.event }
            if (admit(admitted)) batch.push(admitted)
            break
          }
          case "Auth":
            authenticate(session, message.event)
            break
          case "Close":
            subscriptions.close(session, message.subscription)
            break
          case "Req":
            yield* publish(batch)
            batch = []
            yield* subscribe(session, message.subscription, message.filters)
        }
        if (batch.length >= maxBatch) {
          yield* publish(batch)
          batch = []
        }
      }
      yield* publish(batch)
    })

    const conversation: Conversation = { handle, leave: subscriptions.closeAll }
    return conversation
  })

const answers: Record<Outcome, readonly [accepted: boolean, message?: string]> = {
  Stored: [true],
  Duplicate: [true, "duplicate: already have this event"],
  Replaced: [false, "replaced: have a newer version of this event"],
  Deleted: [false, "blocked: its author deleted this event"]
}
