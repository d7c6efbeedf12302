/** Where an agent's state is found: in the book, or on the relays when the machine is a new one. */
import { NostrEvent } from "@farthing/protocol"
import { Effect, Option, Schema } from "effect"
import * as AgentEvents from "./AgentEvents.ts"
import { AgentUnknown, StateUnreadable, relayUnavailable } from "./AgentError.ts"
import * as AgentState from "./AgentState.ts"
import type { Body } from "./Body.ts"
import { Estate } from "./Publishing.ts"

/** The agent as it is here, its state restored from the relays if there is none. */
export const load = Effect.fnUntraced(function* (body: Body) {
  const agent = body.signer.publicKey
  const member = yield* Effect.mapError(
    Effect.flatMap(body.book.members.find(agent), Effect.fromOption),
    (error) => (error._tag === "NoSuchElementError" ? new AgentUnknown({ agent }) : error)
  )
  const known = yield* body.book.members.state(agent)
  return { member, state: Option.isSome(known) ? known.value : yield* restore(body) }
})

/** With the key alone: everything else is the newest state that the relays have. */
const restore = Effect.fnUntraced(function* (body: Body) {
  const { pen, relay, signer } = body
  const events = yield* Effect.mapError(
    relay.query([{ kinds: [AgentEvents.stateKind], authors: [signer.publicKey], "#d": ["state"] }]),
    relayUnavailable
  )
  const [newest] = events.toSorted(NostrEvent.newestFirst)
  const { state, waiting } =
    newest === undefined ? { state: AgentState.initial, waiting: [] } : yield* read(body, newest)
  const restored = { ...state, lostUntil: state.heardUntil }
  // The next one has to be newer than the one that the relays have.
  yield* pen.restore(
    { state: restored, events: newest === undefined ? [] : [newest] },
    waiting.map((record) => ({ ...record, state: "waiting", approved: false }))
  )
  return restored
})

const read = ({ signer }: Body, { content }: NostrEvent.NostrEvent) =>
  signer.decrypt(signer.publicKey, content).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Estate)),
    Effect.mapError(
      ({ message }) =>
        new StateUnreadable({
          message: `The relays have a state of this agent that cannot be read (${message}). Nothing is begun without it: use the version that wrote it.`
        })
    )
  )
