/** The numbers of a minute, as a line of a table. */
import type { Heap } from "../../flood/Heap.ts"
import { type Handles } from "./Handles.ts"

export interface Minute {
  readonly minute: number
  /** Since the start. */
  readonly seconds: number
  readonly heaps: Readonly<Record<"customer" | "provider" | "market", Heap>>
  readonly handles: Readonly<Record<"customer" | "provider", Handles>>
  readonly done: number
  readonly failed: number
}

const columns = [
  "minute",
  "seconds",
  "bought",
  "failed",
  "customer MB",
  "(rss)",
  "handles",
  "provider MB",
  "(rss)",
  "handles",
  "market MB"
]

const mega = (bytes: number): string => (bytes / 1e6).toFixed(2)

const count = (handles: Handles): string =>
  String(Object.values(handles).reduce((sum, many) => sum + many, 0))

const pad = (cells: ReadonlyArray<string>): string =>
  cells.map((cell, index) => cell.padStart((columns[index] ?? "").length + 1)).join(" ")

export const head: string = pad(columns)

export const line = ({ done, failed, handles, heaps, minute, seconds }: Minute): string =>
  pad([
    String(minute),
    String(seconds),
    String(done),
    String(failed),
    mega(heaps.customer.used),
    mega(heaps.customer.resident),
    count(handles.customer),
    mega(heaps.provider.used),
    mega(heaps.provider.resident),
    count(handles.provider),
    mega(heaps.market.used)
  ])

/** By what share somebody's heap has grown. */
export const growth = (before: Minute, after: Minute, name: keyof Minute["heaps"]): number =>
  after.heaps[name].used / before.heaps[name].used - 1

/** What it comes to. */
export const summary = (minutes: ReadonlyArray<Minute>, sample: number): ReadonlyArray<string> => {
  const before = minutes[sample - 1]
  const after = minutes.at(-1)
  if (before === undefined || after === undefined) return []
  const rate = (after.done / after.seconds).toFixed(1)
  const percent = (name: keyof Minute["heaps"]) =>
    `${name} ${(100 * growth(before, after, name)).toFixed(1)} %`
  return [
    "",
    `purchases  ${after.done} in ${after.seconds} s, ${rate} a second`,
    `heaps      ${percent("customer")}, ${percent("provider")}, ${percent("market")}, since minute ${sample}`
  ]
}
