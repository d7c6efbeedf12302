/** What a provider says in its channel: signed, salted, and meant for one customer. */
import { type AgentMessage, Channel, type NostrEvent } from "@farthing/protocol"
import type { Relay, Signer } from "@farthing/relay"
import { UnixTime } from "@farthing/relay"
import { Deferred, Effect, Schedule } from "effect"
import { randomBytes } from "node:crypto"
import type { Request } from "./Job.ts"

export interface Answers {
  /** Dated now, or else the second after `after` (unix seconds). */
  readonly sign: (
    request: Pick<Request, "id" | "customer">,
    message: AgentMessage.Answer,
    after?: number
  ) => Effect.Effect<NostrEvent.NostrEvent>
  /**
   * The same bytes again until a quorum of relays has them; for what is paid. Fails only where
   * they are more than any relay takes, or where they are refused and nobody waits any more.
   */
  readonly deliver: (event: NostrEvent.NostrEvent) => Effect.Effect<void, Relay.RelayError>
  /** A few times; for what nobody has paid for. */
  readonly offer: (event: NostrEvent.NostrEvent) => Effect.Effect<void, Relay.RelayError>
  /** Signs and publishes what may as well be lost. */
  readonly mention: (
    request: Pick<Request, "id" | "customer">,
    message: AgentMessage.Answer
  ) => Effect.Effect<void>
  /** From now on a relay's refusal is taken for its last word. */
  readonly hurry: Effect.Effect<void>
}

export const make = (options: {
  readonly relay: Relay.Shape
  readonly signer: Signer.Shape
  readonly channel: NostrEvent.EventId
}): Answers => {
  const { relay, signer } = options
  const hurrying = Deferred.makeUnsafe<void>()

  const sign: Answers["sign"] = (request, message, after = 0) =>
    Effect.flatMap(UnixTime.now, (createdAt) =>
      signer.sign(
        Channel.message({
          channel: options.channel,
          relay: relay.urls[0] ?? "",
          message,
          reply: { to: request.id, author: request.customer },
          salt: newSalt(),
          createdAt: Math.max(createdAt, after + 1)
        })
      )
    )

  const deliver: Answers["deliver"] = (event) =>
    Effect.suspend(() => {
      let refusal: Relay.RelayError | undefined
      const untilTaken = relay.publish(event).pipe(
        Effect.tapError((error) => {
          refusal = error.reason._tag === "QuorumMissed" ? error : undefined
          return Effect.logDebug("an answer waits for a relay", error.message)
        }),
        Effect.retry({
          schedule: untilItWorks,
          while: ({ reason }) => reason._tag !== "TooLarge" && !isRefusedForGood()
        })
      )
      const isRefusedForGood = () => refusal !== undefined && Deferred.isDoneUnsafe(hurrying)
      const unlessRefused = Effect.andThen(
        Deferred.await(hurrying),
        Effect.suspend(() => (refusal === undefined ? Effect.never : Effect.fail(refusal)))
      )
      return Effect.asVoid(Effect.raceFirst(untilTaken, unlessRefused))
    })

  const offer: Answers["offer"] = (event) =>
    Effect.retry(relay.publish(event), aFewTimes).pipe(Effect.asVoid)

  return {
    sign,
    offer,
    deliver,
    mention: (request, message) =>
      Effect.flatMap(sign(request, message), offer).pipe(Effect.ignore),
    hurry: Effect.asVoid(Deferred.succeed(hurrying, undefined))
  }
}

const newSalt = () => Channel.Salt.make(randomBytes(8).toString("hex"))

const aFewTimes = Schedule.exponential("200 millis").pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 4 })
)

const untilItWorks = Schedule.min([
  Schedule.exponential("200 millis"),
  Schedule.spaced("15 seconds")
]).pipe(Schedule.jittered)
