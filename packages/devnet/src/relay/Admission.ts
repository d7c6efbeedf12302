/** Whether an event may come in: by itself, before the relay looks at what it has stored. */
import { NostrEvent } from "@farthing/protocol"
import type { Limits } from "./Limits.ts"

/** NIP-42: the event of an `AUTH` message; it is never stored or sent to others. */
export const authKind = 22_242

/** Why the event is refused, with the prefix of NIP-01; nothing if it may come in. */
export const refusalOf = (
  event: NostrEvent.NostrEvent,
  now: number,
  limits: Limits
): string | undefined => {
  if (event.kind === authKind) return "invalid: kind 22242 belongs into an AUTH message"
  if (event.tags.length > limits.maxEventTags)
    return `invalid: more than ${limits.maxEventTags} tags`
  if (event.content.length > limits.maxContentLength)
    return `invalid: content longer than ${limits.maxContentLength} characters`
  if (event.created_at > now + limits.createdAtAhead) return "invalid: created_at is in the future"
  if (NostrEvent.isExpired(event, now)) return "invalid: the event has expired"
  if (!NostrEvent.verify(event)) return "invalid: bad id or signature"
  return undefined
}

/** NIP-70: whether only its author may publish the event. */
export const isProtected = (event: NostrEvent.NostrEvent): boolean =>
  event.tags.some((tag) => tag.length === 1 && tag[0] === "-")
