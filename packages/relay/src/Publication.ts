/** One event on its way to several relays. */
import { NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import type { Duration, Fiber } from "effect"
import type { Outcome, PublishReport } from "./Relay.ts"
import type { RelayConnection } from "./RelayConnection.ts"
import { QuorumMissed, RelayError, Unreachable } from "./RelayError.ts"

/** A relay, as far as it takes events. */
export type Taker = Pick<RelayConnection, "url" | "trouble" | "publish">

export interface Options {
  readonly event: NostrEvent.NostrEvent
  readonly frame: string
  readonly quorum: number
  readonly timeout: Duration.Input
  readonly connections: ReadonlyArray<Taker>
  /** Runs on when the caller has gone. */
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}

/**
 * Ends when the quorum has accepted, or can no longer be reached; the relays that have not
 * answered by then keep their time. Interrupting it withdraws the event where it was not sent.
 */
export const run = (options: Options): Effect.Effect<PublishReport, RelayError> =>
  Effect.callback((resume) => {
    const { connections, event, frame, quorum } = options
    const outcomes: Array<Outcome> = []
    const waiting = new Map(connections.map((it): [Taker, () => void] => [it, () => {}]))
    let expiry: Fiber.Fiber<void> | undefined

    const decide = (): void => {
      const accepted = outcomes.filter(isAccepted).length
      if (accepted >= quorum) resume(Effect.succeed({ event, outcomes: [...outcomes] }))
      else if (accepted + waiting.size < quorum)
        resume(Effect.fail(failure(outcomes, accepted, quorum)))
      if (waiting.size === 0) expiry?.interruptUnsafe()
    }

    const withdraw = (): void => {
      for (const cancel of waiting.values()) cancel()
      waiting.clear()
    }

    const expire = Effect.sync(() => {
      for (const { trouble, url } of waiting.keys())
        outcomes.push({ _tag: "Unreachable", url, message: trouble() })
      withdraw()
      decide()
    })

    for (const connection of connections) {
      const cancel = connection.publish({
        id: event.id,
        frame,
        isKept: !NostrEvent.isEphemeral(event.kind),
        onOutcome: (outcome) => {
          waiting.delete(connection)
          outcomes.push(outcome)
          decide()
        }
      })
      if (waiting.has(connection)) waiting.set(connection, cancel)
    }
    expiry = options.fork(Effect.delay(expire, options.timeout))
    decide()

    return Effect.sync(() => {
      withdraw()
      expiry?.interruptUnsafe()
    })
  })

const isAccepted = (outcome: Outcome): boolean => outcome._tag === "Accepted"

const failure = (
  outcomes: ReadonlyArray<Outcome>,
  accepted: number,
  quorum: number
): RelayError => {
  const message = outcomes
    .filter((outcome) => !isAccepted(outcome))
    .map((outcome) => `${outcome.url}: ${outcome.message}`)
    .join("; ")
  return new RelayError({
    reason: outcomes.every((outcome) => outcome._tag === "Unreachable")
      ? new Unreachable({ urls: outcomes.map(({ url }) => url), message })
      : new QuorumMissed({ accepted, quorum, message })
  })
}
