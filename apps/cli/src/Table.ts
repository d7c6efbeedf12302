/** Rows of text in aligned columns, for people. */
import { Text } from "@farthing/protocol"

const gap = "  "

const width = (text: string): number => [...text].length

/** The lines of a table, each clipped to `most` characters; the last column is not padded. */
export const render = (
  header: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  most = Number.POSITIVE_INFINITY
): ReadonlyArray<string> => {
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ""))))
  return all.map((row) =>
    Text.clip(
      row
        .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - width(cell)))
        .join(gap)
        .trimEnd(),
      most
    )
  )
}
