/** Whether an event may come in: by itself, before the relay looks at what it has stored. */
import { NostrEvent } from "@farthing/protocol"
import type { Limits } from "./Limits.ts"

/** NIP-42: the event of an `AUTH` message; it is never stored or sent to others. */
export const authKind = 22_242

/** For how many seconds an `AUTH` event is good (NIP-42: about ten minutes). */
const authWindow = 600

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

/** Why the event proves nobody's identity on this connection (NIP-42). */
export const authRefusalOf = (
  event: NostrEvent.NostrEvent,
  now: number,
  expected: { readonly challenge: string; readonly hosts: ReadonlyArray<string> }
): string | undefined => {
  if (event.kind !== authKind) return "invalid: AUTH takes an event of kind 22242"
  if (Math.abs(now - event.created_at) > authWindow) return "invalid: created_at is not now"
  if (NostrEvent.tagValue(event, "challenge") !== expected.challenge)
    return "invalid: not the challenge of this connection"
  const host = hostOf(NostrEvent.tagValue(event, "relay"))
  if (host === undefined || !expected.hosts.includes(host)) return "invalid: made for another relay"
  if (!NostrEvent.verify(event)) return "invalid: bad id or signature"
  return undefined
}

const hostOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).host : undefined
