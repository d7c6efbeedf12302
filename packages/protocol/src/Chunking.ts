/**
 * Cuts texts into pieces that fit into events, because relays commonly refuse large ones.
 */
import type { Template } from "./NostrEvent.ts"

/** The most bytes that an event of ours may have, unless its relay states fewer (NIP-11). */
export const maxEventBytes = 48_000

/**
 * Room for what stands around the text: id, key, signature and tags of the event, and the other
 * fields of the message.
 */
export const envelopeBytes = 2_000

// Id, public key and signature in hex, with their names and the frame of the command.
const signatureBytes = 64 + 64 + 128 + 64

/** The bytes that an event made from this template has on the wire. */
export const sizeOf = (template: Template): number =>
  Buffer.byteLength(JSON.stringify(template)) + signatureBytes

/**
 * The bytes of a code point on the wire, where the text is a JSON string inside a message that
 * is itself a JSON string inside the event, so that it is escaped twice.
 */
const wireBytes = (codePoint: number): number => {
  if (codePoint === 0x22 || codePoint === 0x5c) return '\\\\\\"'.length
  if (codePoint < 0x20) return shortEscapes.has(codePoint) ? "\\\\n".length : "\\\\u0000".length
  if (codePoint < 0x80) return 1
  if (codePoint < 0x800) return 2
  if (codePoint >= 0xd800 && codePoint <= 0xdfff) return "\\\\ud800".length
  return codePoint < 0x10000 ? 3 : 4
}

/** Backspace, tab, line feed, form feed, carriage return: JSON has a letter for each. */
const shortEscapes = new Set([0x08, 0x09, 0x0a, 0x0c, 0x0d])

/**
 * The text in order, in as few pieces as give events of at most `limit` bytes, cut between
 * code points; a single, possibly empty, piece where it fits.
 */
export const split = (text: string, limit: number = maxEventBytes): ReadonlyArray<string> => {
  const room = Math.max(limit - envelopeBytes, 64)
  const pieces: Array<string> = []
  let start = 0
  let used = 0
  let position = 0
  for (const character of text) {
    const bytes = wireBytes(character.codePointAt(0) ?? 0)
    if (used + bytes > room) {
      pieces.push(text.slice(start, position))
      start = position
      used = 0
    }
    used += bytes
    position += character.length
  }
  pieces.push(text.slice(start))
  return pieces
}
