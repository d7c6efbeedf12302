/**
 * What leaves an agent for the relays. It is signed and kept with the step that decides it, and
 * sent from there in the same bytes as often as needed: so it is said once, whenever the process dies.
 */
import { NostrEvent } from "@farthing/protocol"
import type { Signer } from "@farthing/relay"
import { UnixTime } from "@farthing/relay"
import { Clock, Effect, Option, Schema } from "effect"
import * as AgentEvents from "./AgentEvents.ts"
import { AgentState, compact } from "./AgentState.ts"
import type { Body } from "./Body.ts"
import type { Charter } from "./Charter.ts"
import { type ActionRecord, ActionRecord as ActionRow } from "./TickRecord.ts"

/** Dated after whatever has the same address: of two events of one second chance would decide. */
export const addressed = Effect.fnUntraced(function* ({ book, signer }: Body, draft: Signer.Draft) {
  const now = yield* UnixTime.now
  const last = yield* book.post.lastAt(AgentEvents.addressOf(signer.publicKey, draft))
  const created_at = Option.match(last, {
    onNone: () => now,
    onSome: (event) => Math.max(now, event.created_at + 1)
  })
  return yield* signer.sign({ ...draft, created_at })
})

/** What an agent says of itself, as far as that is not said yet. */
export const introduction = Effect.fnUntraced(function* (body: Body, charter: Charter) {
  const events: Array<NostrEvent.NostrEvent> = []
  for (const draft of [AgentEvents.profile(charter), AgentEvents.schedule(charter)]) {
    const last = yield* body.book.post.lastAt(AgentEvents.addressOf(body.signer.publicKey, draft))
    if (!Option.exists(last, (event) => AgentEvents.isSaid(event, draft)))
      events.push(yield* addressed(body, draft))
  }
  return events
})

/** What survives the loss of the machine. */
export const Estate = Schema.fromJsonString(
  Schema.Struct({ state: AgentState, waiting: Schema.Array(Schema.toType(ActionRow)) })
)

/**
 * NIP-44 pads to 32,768 bytes what is not longer, and an event with that fits into the 48,000
 * bytes that every relay takes, and well into the 64 KiB that most do.
 */
const mostPlaintext = 32_768

/** What waits for a person may take half of the room: the newest of it. */
const mostWaiting = mostPlaintext / 2

/** The state, encrypted to the agent itself, compacted where it is too large. */
export const state = Effect.fnUntraced(function* (
  body: Body,
  state: AgentState,
  waiting: ReadonlyArray<ActionRecord>
) {
  const kept = newestWithin(waiting, mostWaiting)
  const written = (state: AgentState) => Schema.encodeSync(Estate)({ state, waiting: kept })
  const fitting = compact(state, mostPlaintext, (state) => Buffer.byteLength(written(state)))
  return yield* addressed(body, AgentEvents.state(yield* toSelf(body, written(fitting))))
})

/** For the agent's own eyes: 1 to 32,768 bytes, and its own key: there is nothing to fail. */
export const toSelf = ({ signer }: Body, text: string): Effect.Effect<string> =>
  Effect.orDie(signer.encrypt(signer.publicKey, text))

const newestWithin = (waiting: ReadonlyArray<ActionRecord>, bytes: number) => {
  let left = bytes
  const from = waiting.findLastIndex(
    (record) => (left -= Buffer.byteLength(JSON.stringify(record))) < 0
  )
  return waiting.slice(from + 1)
}

/** Sends whatever is not sent yet; what no relay takes now stays for the next time. */
export const send = Effect.fnUntraced(function* ({ book, relay, signer }: Body) {
  const events = yield* book.post.unpublished(signer.publicKey)
  const sent = yield* Effect.forEach(
    events,
    (event) =>
      relay.publish(event).pipe(
        Effect.as([event.id]),
        Effect.catch(({ message }) =>
          Effect.as(Effect.logDebug(`Kind ${event.kind} is not published yet: ${message}`), [])
        )
      ),
    { concurrency: "unbounded" }
  )
  yield* book.post.published(sent.flat(), yield* Clock.currentTimeMillis)
})
