/** The numbers of a minute, as a line of a table. */
import type { Heap } from "./Heap.ts"

export interface Minute {
  readonly minute: number
  /** Since the start, with the time that measuring took. */
  readonly seconds: number
  readonly heaps: Readonly<Record<string, Heap>>
  readonly purchases: number
  readonly failed: number
  readonly providers: number
  readonly unpaid: number
  readonly frames: number
}

const columns = [
  "minute",
  "seconds",
  "customer MB",
  "(rss)",
  "provider MB",
  "(rss)",
  "market MB",
  "bought",
  "failed",
  "sybils",
  "unpaid",
  "frames"
]

const mega = (bytes: number | undefined): string => ((bytes ?? 0) / 1e6).toFixed(2)

const pad = (cells: ReadonlyArray<string>): string =>
  cells.map((cell, index) => cell.padStart(columns[index]!.length + 1)).join(" ")

export const head: string = pad(columns)

export const line = ({ heaps, ...minute }: Minute): string =>
  pad([
    String(minute.minute),
    String(minute.seconds),
    mega(heaps["customer"]?.used),
    mega(heaps["customer"]?.resident),
    mega(heaps["provider"]?.used),
    mega(heaps["provider"]?.resident),
    mega(heaps["market"]?.used),
    ...[minute.purchases, minute.failed, minute.providers, minute.unpaid, minute.frames].map(String)
  ])
