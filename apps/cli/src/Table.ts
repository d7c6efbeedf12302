/** Rows of text in aligned columns, for people. */
import { Text } from "@farthing/protocol"

const gap = "  "

const width = (text: string): number => [...text].length

/** The lines of a table, each clipped to `most` characters; the last column is not padded. */
export const render = (
  header: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  most = Number.POSITIVE_INFINITY
): ReadonlyArray<string> => align([header, ...rows], most)

/** The same without a header. */
export const align = (
  rows: ReadonlyArray<ReadonlyArray<string>>,
  most = Number.POSITIVE_INFINITY
): ReadonlyArray<string> => {
  const columns = Math.max(0, ...rows.map(({ length }) => length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => width(row[column] ?? "")))
  )
  return rows.map((row) =>
    Text.clip(
      row
        .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - width(cell)))
        .join(gap)
        .trimEnd(),
      most
    )
  )
}
