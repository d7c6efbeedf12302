/**
 * What one relay has of a filter and we have not (NIP-77): both sides compare what they hold, and
 * only what is missing needs to be sent.
 */
import type { Filter, NostrEvent } from "@farthing/protocol"
import * as Negentropy from "@farthing/protocol/Negentropy"
import { Effect, Option, Result } from "effect"
import type * as RelayInformation from "./RelayInformation.ts"

export interface Reconciliation {
  /** The ids of what is missing; none where the relay does not say it. */
  readonly difference: (
    filter: Filter.Filter,
    held: ReadonlyArray<Negentropy.Item>
  ) => Effect.Effect<Option.Option<ReadonlyArray<NostrEvent.EventId>>>
  /** The relay's NEG-MSG. */
  readonly heard: (id: string, message: string) => void
  /** The relay's NEG-ERR. */
  readonly refused: (id: string) => void
  /** The connection is gone, and what ran on it. */
  readonly reset: () => void
}

/** How long a relay may think about a message. */
const answerTimeout = "10 seconds"

/** Differences halve the ranges that are left by sixteen: more rounds lead nowhere. */
const mostRounds = 200

/** Who misses more reads everything. */
const mostMissing = 20_000

/** Where a relay does not say what it takes; in bytes. */
const usualFrame = 65_536

/** No message is made smaller. */
const leastFrame = 4_096

/** What stands around a message in its frame, beside the filter; in bytes. */
const envelope = 1_024

export const make = (options: {
  readonly onceInformed: RelayInformation.Learner["onceKnown"]
  readonly isUp: () => boolean
  readonly send: (frame: string) => void
}): Reconciliation => {
  const { isUp, onceInformed, send } = options
  const waiting = new Map<string, (message: Option.Option<string>) => void>()
  let counter = 0

  const say = (...frame: ReadonlyArray<unknown>): void => send(JSON.stringify(frame))

  const answerTo = (id: string, ...frame: ReadonlyArray<unknown>) =>
    Effect.callback<Option.Option<string>>((resume) => {
      if (!isUp()) return resume(Effect.succeedNone)
      waiting.set(id, (message) => resume(Effect.succeed(message)))
      say(...frame)
    }).pipe(Effect.timeoutOption(answerTimeout), Effect.map(Option.flatten))

  const settle = (id: string, message: Option.Option<string>): void => {
    const resume = waiting.get(id)
    waiting.delete(id)
    resume?.(message)
  }

  /** The bytes of the largest message that the relay takes, if it knows how to reconcile. */
  const messageLimit = Effect.callback<Option.Option<number>>((resume) =>
    onceInformed(({ maxFrameBytes = usualFrame, reconciles = false }) => {
      const limit = Math.floor((maxFrameBytes - envelope) / 2)
      const isPossible = reconciles && limit >= leastFrame
      resume(Effect.succeed(isPossible ? Option.some(limit) : Option.none()))
    })
  )

  const talk = Effect.fnUntraced(function* (
    id: string,
    filter: Filter.Filter,
    we: Negentropy.Reconciliation
  ) {
    const missing: Array<NostrEvent.EventId> = []
    let answer = yield* answerTo(id, "NEG-OPEN", id, filter, we.begin())
    for (let round = 0; round < mostRounds && Option.isSome(answer); round++) {
      const step = we.answer(answer.value)
      if (Result.isFailure(step)) return Option.none()
      missing.push(...step.success.need)
      if (step.success.reply === undefined) return Option.some(missing)
      if (missing.length > mostMissing) return Option.none()
      answer = yield* answerTo(id, "NEG-MSG", id, step.success.reply)
    }
    return Option.none()
  })

  return {
    difference: Effect.fnUntraced(function* (filter, held) {
      const limit = yield* messageLimit
      if (Option.isNone(limit)) return Option.none()
      const id = `difference${counter++}`
      const frameLimit = Math.min(limit.value, usualFrame)
      return yield* talk(id, filter, Negentropy.make(held, { role: "initiator", frameLimit })).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            waiting.delete(id)
            if (isUp()) say("NEG-CLOSE", id)
          })
        )
      )
    }),
    heard: (id, message) => settle(id, Option.some(message)),
    refused: (id) => settle(id, Option.none()),
    reset: () => {
      for (const id of waiting.keys()) settle(id, Option.none())
    }
  }
}
