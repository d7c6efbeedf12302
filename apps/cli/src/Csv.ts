/**
 * Comma-separated values (RFC 4180), safe to open in a spreadsheet: a field that it would run as a
 * formula begins with an apostrophe, which spreadsheets take for "this is text". A reader that
 * wants the field as it was takes one leading apostrophe away.
 */

const lineBreak = "\r\n"

/** What spreadsheets evaluate, also behind blanks and in full width; and our own mark. */
const needsMark = /^(?:\s*[=+\-@＝＋－＠]|[\t\r\n'])/

const needsQuotes = /[",\r\n]/

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`

const field = (value: string): string => {
  const marked = needsMark.test(value) ? `'${value}` : value
  return marked !== value || needsQuotes.test(marked) ? quoted(marked) : marked
}

/** One record with its line break. */
export const record = (fields: ReadonlyArray<string>): string =>
  fields.map(field).join(",") + lineBreak
