/**
 * Tells genuine events from forged ones, and pays for it once: an event that several relays or
 * subscriptions deliver costs one signature check.
 */
import { NostrEvent } from "@farthing/protocol"
import { Effect, RcRef, type Scope } from "effect"
import { availableParallelism } from "node:os"
import * as Recent from "./Recent.ts"
import * as SignatureThread from "./SignatureThread.ts"

export interface Verifier {
  readonly isGenuine: (event: NostrEvent.NostrEvent) => boolean
  /** The genuine ones of many events, checked while this thread goes on. */
  readonly genuineOf: (
    events: ReadonlyArray<NostrEvent.NostrEvent>
  ) => Effect.Effect<ReadonlyArray<NostrEvent.NostrEvent>>
  /** Takes an event for genuine without a check: it is our own. */
  readonly vouch: (event: NostrEvent.NostrEvent) => void
}

/**
 * A signature costs some 300 bytes to remember, and copies come soon after the first: enough for
 * what several relays and subscriptions deliver at the same time.
 */
const capacity = 8_192

/** For how long a thread is kept that has nothing to do. */
const threadTimeToLive = "5 seconds"

/** A check other than our own runs where it was given. */
export const make = Effect.fnUntraced(function* (
  verify?: (event: NostrEvent.NostrEvent) => boolean
): Effect.fn.Return<Verifier, never, Scope.Scope> {
  const signatures = Recent.make<string, string>(capacity)
  const thread = yield* RcRef.make({
    acquire: SignatureThread.make,
    idleTimeToLive: threadTimeToLive
  })
  const isAlone = verify !== undefined || availableParallelism() === 1

  const vouch = (event: NostrEvent.NostrEvent): void => signatures.set(event.id, event.sig)

  // An id and a signature that were verified once prove this event only if the id is the hash of
  // what lies before us: a forger may have copied both onto another content.
  const isKnown = (event: NostrEvent.NostrEvent): boolean =>
    signatures.get(event.id) === event.sig && hasItsId(event)

  const isGenuine = (event: NostrEvent.NostrEvent): boolean => {
    if (isKnown(event)) return true
    if (!(verify ?? NostrEvent.verify)(event)) return false
    vouch(event)
    return true
  }

  const here: Verifier["genuineOf"] = (events) =>
    Effect.map(Effect.yieldNow, () => events.filter(isGenuine))

  const elsewhere = Effect.fnUntraced(function* (events: ReadonlyArray<NostrEvent.NostrEvent>) {
    const { signedOf } = yield* RcRef.get(thread)
    const genuine = new Set(events.filter(isKnown))
    const claims = events.filter((event) => !genuine.has(event) && hasItsId(event))
    for (const event of yield* signedOf(claims)) {
      vouch(event)
      genuine.add(event)
    }
    return events.filter((event) => genuine.has(event))
  }, Effect.scoped)

  return {
    vouch,
    isGenuine,
    genuineOf: (events) =>
      isAlone ? here(events) : Effect.catch(elsewhere(events), () => here(events))
  }
})

const hasItsId = (event: NostrEvent.NostrEvent): boolean =>
  NostrEvent.idOf(event.pubkey, event) === event.id
