import { Key, NostrEvent } from "@farthing/protocol"
import { Deferred, Effect, Queue, Stream } from "effect"
import { hash } from "node:crypto"
import type { Relay } from "../src/index.ts"

export const alice = Key.generate()
export const bob = Key.generate()

let serial = 0

/** A genuine event, different from all others. */
export const note = (
  fields: Partial<NostrEvent.Template> = {},
  author = alice
): NostrEvent.NostrEvent =>
  NostrEvent.sign(
    {
      kind: 1,
      created_at: 1_700_000_000,
      tags: [["salt", String(serial++)]],
      content: "",
      ...fields
    },
    author
  )

/** The same id and signature over another content. */
export const forged = (event: NostrEvent.NostrEvent): NostrEvent.NostrEvent => ({
  ...event,
  content: `${event.content} forged`
})

const template = note()

/** Events of the right shape, cheap to make, for relays that do not verify. */
export const unsigned = (count: number): ReadonlyArray<NostrEvent.NostrEvent> =>
  Array.from({ length: count }, (_, index) => ({
    ...template,
    id: hash("sha256", String(index)) as NostrEvent.EventId,
    created_at: 1_700_000_000 + index
  }))

export const ids = (events: Iterable<NostrEvent.NostrEvent>): ReadonlyArray<string> =>
  Array.from(events, ({ id }) => id)

/** Subscribes in the background; ready once the stored events are through. */
export const following = Effect.fnUntraced(function* (
  relay: Relay.Shape,
  filters: Parameters<Relay.Shape["subscribe"]>[0]
) {
  const inbox = yield* Queue.unbounded<NostrEvent.NostrEvent>()
  const stored = yield* Deferred.make<void>()
  const onStored = Effect.asVoid(Deferred.succeed(stored, undefined))
  yield* relay.subscribe(filters, { onStored }).pipe(
    Stream.runForEach((event) => Queue.offer(inbox, event)),
    Effect.forkScoped
  )
  yield* Deferred.await(stored)
  return inbox
})

/** A `verify` that counts how often it is asked. */
export const countingVerify = () => {
  const asked: Array<string> = []
  const verify = (event: NostrEvent.NostrEvent): boolean => {
    asked.push(event.id)
    return NostrEvent.verify(event)
  }
  return { asked, verify }
}
