/**
 * Tells genuine events from forged ones, and pays for it once: an event that several relays or
 * subscriptions deliver costs one signature check.
 */
import { NostrEvent } from "@farthing/protocol"
import * as Recent from "./Recent.ts"

export interface Verifier {
  readonly isGenuine: (event: NostrEvent.NostrEvent) => boolean
  /** Takes an event for genuine without a check: it is our own. */
  readonly vouch: (event: NostrEvent.NostrEvent) => void
}

/**
 * A signature costs some 300 bytes to remember, and copies come soon after the first: enough for
 * what several relays and subscriptions deliver at the same time.
 */
const defaultCapacity = 8_192

export const make = (
  verify: (event: NostrEvent.NostrEvent) => boolean = NostrEvent.verify,
  capacity = defaultCapacity
): Verifier => {
  const signatures = Recent.make<string, string>(capacity)
  const vouch = (event: NostrEvent.NostrEvent): void => signatures.set(event.id, event.sig)

  // An id and a signature that were verified once prove this event only if the id is the hash of
  // what lies before us: a forger may have copied both onto another content.
  const isKnown = (event: NostrEvent.NostrEvent): boolean =>
    signatures.get(event.id) === event.sig && NostrEvent.idOf(event.pubkey, event) === event.id

  return {
    vouch,
    isGenuine: (event) => {
      if (isKnown(event)) return true
      if (!verify(event)) return false
      vouch(event)
      return true
    }
  }
}
