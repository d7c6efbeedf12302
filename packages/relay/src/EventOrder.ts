import type { NostrEvent } from "@farthing/protocol"

/** NIP-01: newest first; of two events of one second the one with the lower id comes first. */
export const newestFirst = (a: NostrEvent.NostrEvent, b: NostrEvent.NostrEvent): number => {
  if (a.created_at !== b.created_at) return b.created_at - a.created_at
  return a.id < b.id ? -1 : 1
}
