/**
 * Text that others wrote, made fit for a terminal: without control characters, escape
 * sequences and characters that reorder or hide what stands beside them.
 */

// ECMA-48: CSI, then the string sequences (DCS, SOS, OSC, PM, APC) up to their terminator,
// then the short ones. Each also in its one-byte form (C1).
const escapeSequences =
  // oxlint-disable-next-line no-control-regex
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|(?:\x1b[PX\]^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?/g

const lineBreaks = /\r\n?|[\u0085\u2028\u2029]/g

// oxlint-disable-next-line no-control-regex
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g

// Bidirectional marks, embeddings, overrides and isolates; zero-width and tag characters.
const invisible =
  /[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu

/** The first `limit` code points; where something was cut away, the last one is `…`. */
export const clip = (text: string, limit: number): string => {
  if (text.length <= limit) return text
  const codePoints = Array.from(text.slice(0, limit * 2 + 2))
  return codePoints.length <= limit ? text : `${codePoints.slice(0, limit - 1).join("")}…`
}

/** Any text as it may be shown on a terminal; line breaks and tabs stay. */
export const printableLines = (text: string): string =>
  text
    .toWellFormed()
    .replace(escapeSequences, "")
    .replace(lineBreaks, "\n")
    .replace(controls, "")
    .replace(invisible, "")

/** Any text as one line of at most `limit` characters that may be shown on a terminal. */
export const printable = (text: string, limit = 200): string =>
  clip(
    printableLines(clip(text, limit * 10))
      .replace(/\s+/g, " ")
      .trim(),
    limit
  )

/**
 * JSON of the same value that may be shown on a terminal: control and invisible characters are
 * written as escapes (RFC 8259, section 7). Its own serializer lets all above U+001F through.
 */
export const printableJson = (json: string): string =>
  json.replace(controls, escaped).replace(invisible, escaped)

/** Both halves of a surrogate pair. */
const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, at) => {
    const unit = character.charCodeAt(at)
    return `\\u${unit.toString(16).padStart(4, "0")}`
  }).join("")
