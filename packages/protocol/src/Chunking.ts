/**
 * Cuts texts into pieces that fit into events, because relays commonly refuse large ones.
 */
import type { Template } from "./NostrEvent.ts"

/** The most bytes that an event of ours may have, unless its relay states fewer (NIP-11). */
export const maxEventBytes = 48_000

// Room for what stands around the text: id, key, signature and tags of the event, and the
// other fields of the message.
const envelopeBytes = 2_000

// Id, public key and signature in hex, with their names and the frame of the command.
const signatureBytes = 64 + 64 + 128 + 64

/** The bytes that an event made from this template has on the wire. */
export const sizeOf = (template: Template): number =>
  Buffer.byteLength(JSON.stringify(template)) + signatureBytes

// The text is a JSON string inside a message that is itself a JSON string inside the event.
const wireBytes = (text: string): number =>
  Buffer.byteLength(JSON.stringify(JSON.stringify(text))) - '"\\"\\""'.length

/**
 * The text in order, in as few pieces as give events of at most `limit` bytes, cut between
 * code points; a single, possibly empty, piece where it fits.
 */
export const split = (text: string, limit: number = maxEventBytes): ReadonlyArray<string> => {
  const room = Math.max(limit - envelopeBytes, 64)
  if (wireBytes(text) <= room) return [text]
  const pieces: Array<string> = []
  let start = 0
  let used = 0
  let position = 0
  for (const codePoint of text) {
    const bytes = wireBytes(codePoint)
    if (used + bytes > room) {
      pieces.push(text.slice(start, position))
      start = position
      used = 0
    }
    used += bytes
    position += codePoint.length
  }
  pieces.push(text.slice(start))
  return pieces
}
