/**
 * What somebody sees who watches agents live: one in full, or a line for each of many. A frame has as
 * many lines as there are rows at most; where there is little room, what is least needed goes first.
 */
import type { AgentView } from "@farthing/agent"
import type { ComputeClient, Receipt } from "@farthing/compute"
import { Sat, Text } from "@farthing/protocol"
import type { Terminal } from "effect"
import * as LimitTelling from "../LimitTelling.ts"
import * as Show from "../Show.ts"
import * as Table from "../Table.ts"
import * as AgentTelling from "./AgentTelling.ts"
import * as LifeTelling from "./LifeTelling.ts"
import * as TickTelling from "./TickTelling.ts"

type View = AgentView.AgentView

export interface Seen {
  readonly views: ReadonlyArray<View>
  /** Unix milliseconds. */
  readonly now: number
  /** What has gone wrong last, if anything has. */
  readonly trouble: string
}

/** Some lines that belong together. What is needed least has the lowest rank. */
interface Part {
  readonly rank: number
  readonly lines: ReadonlyArray<string>
}

export const frame = (
  { now, trouble, views }: Seen,
  size: Terminal.Size
): ReadonlyArray<string> => {
  const [only] = views
  const parts =
    only !== undefined && views.length === 1 ? portrait(only, now, size) : group(views, now)
  const head: Part = { rank: 9, lines: [heading(`${clock(now)} UTC`, "q ends it", size)] }
  const troubles: Part = { rank: 8, lines: trouble === "" ? [] : [trouble] }
  return fitting([head, troubles, ...parts], size.rows).map((line) => Text.clip(line, size.columns))
}

const clock = (now: number): string => Show.exactTime(now).slice(11, 19)

/** The time on the left and the word on the right. */
const heading = (left: string, right: string, { columns }: Terminal.Size): string =>
  left + right.padStart(Math.max(columns - left.length, right.length + 2))

/** Parts with an empty line between them, in no more lines than there are rows. */
const fitting = (parts: ReadonlyArray<Part>, rows: number): ReadonlyArray<string> => {
  const left = parts.filter(({ lines }) => lines.length > 0)
  const all = left.flatMap(({ lines }, index) => (index === 0 ? lines : ["", ...lines]))
  if (all.length <= rows) return all
  const least = left.reduce<Part | undefined>(
    (least, part) => (least === undefined || part.rank <= least.rank ? part : least),
    undefined
  )
  return left.length < 2 || least === undefined
    ? all.slice(0, Math.max(rows, 0))
    : fitting(
        left.map((part) => (part === least ? shorter(part) : part)),
        rows
      )
}

/** Without its last line; a heading does not stand alone. */
const shorter = ({ lines, rank }: Part): Part => ({
  rank,
  lines: lines.length <= 2 ? [] : lines.slice(0, -1)
})

const portrait = (view: View, now: number, size: Terminal.Size): ReadonlyArray<Part> => {
  const [tick] = view.ticks
  return [
    { rank: 8, lines: self(view, now) },
    { rank: 6, lines: limits(view, size) },
    { rank: 7, lines: waiting([view]) },
    {
      rank: 5,
      lines: tick === undefined ? ["no tick yet"] : TickTelling.lines({ ...view, tick }, now)
    },
    { rank: 4, lines: below("live jobs", jobs([view])) },
    { rank: 3, lines: below("last receipts", receipts([view])) }
  ]
}

const self = (view: View, now: number): ReadonlyArray<string> => [
  `${AgentTelling.name(view)}  ${Show.npub(view.publicKey)}`,
  `${LifeTelling.word(view)}: ${LifeTelling.meaning(view)}`,
  `runway ${LifeTelling.runway(view.runway)}: ${LifeTelling.means(view.runway)}`,
  LifeTelling.heartbeat(view, now),
  ...(view.budget.frozen === undefined ? [] : [`frozen: ${Text.printable(view.budget.frozen, 80)}`])
]

const widestBar = 40

/** Bars take what the words beside them leave. */
const limits = ({ budget }: View, { columns }: Terminal.Size): ReadonlyArray<string> => {
  const spent = `spent today  ${Show.cost(budget.spentToday)}`
  const taken = Table.align(budget.limits.map((limit) => [limit.limit, "", used(limit)]))
  const room = columns - Math.max(0, ...taken.map(({ length }) => length))
  const width = Math.max(4, Math.min(widestBar, room))
  const rows = budget.limits.map((limit) => [
    limit.limit,
    LimitTelling.bar(limit, width),
    used(limit)
  ])
  return [spent, ...Table.align(rows)]
}

/** `55 of 500 sats, 11 held` */
const used = ({ held, most, spent }: View["budget"]["limits"][number]): string =>
  `${Show.number(Sat.fromMsatCeil(spent))} of ${Show.balance(most)}${held === 0 ? "" : `, ${Show.number(Sat.fromMsatCeil(held))} held`}`

const below = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)]

const waiting = (views: ReadonlyArray<View>): ReadonlyArray<string> =>
  below(
    "waits for you: `farthing agent approve`, or deny",
    views.flatMap((view) =>
      view.waiting.map(
        (record) =>
          `${AgentTelling.name(view)} ${TickTelling.idOf(record)}  ${TickTelling.deed(record)}`
      )
    )
  )

const jobs = (views: ReadonlyArray<View>): ReadonlyArray<string> =>
  Table.align(
    views.flatMap((view) => view.jobs.map((job) => [...whose(view, views), ...jobRow(job)]))
  )

const jobRow = (job: ComputeClient.Job): ReadonlyArray<string> => [
  job.state,
  Show.name(job.providerName, 24),
  job.amount === undefined ? "" : Show.cost(job.amount),
  Show.jobId(job.request)
]

/** Among many it has to be said. */
const whose = (view: View, views: ReadonlyArray<View>): ReadonlyArray<string> =>
  views.length === 1 ? [] : [AgentTelling.name(view)]

const mostReceipts = 10

const receipts = (views: ReadonlyArray<View>): ReadonlyArray<string> => {
  const all = views.flatMap((view) => view.receipts.map((receipt) => ({ view, receipt })))
  const newest = all.toSorted((a, b) => b.receipt.finishedAt - a.receipt.finishedAt)
  return Table.align(
    newest
      .slice(0, mostReceipts)
      .map(({ receipt, view }) => [...whose(view, views), ...receiptRow(receipt)])
  )
}

const receiptRow = (receipt: Receipt.Receipt): ReadonlyArray<string> => [
  Show.fullTime(receipt.finishedAt).slice(11),
  Show.name(receipt.providerName, 24),
  Show.cost(receipt.cost),
  Text.printable(receipt.text, 200)
]

export const columns = ["AGENT", "LIFE", "RUNWAY", "SPENT TODAY", "", "LAST TICK"]

const group = (views: ReadonlyArray<View>, now: number): ReadonlyArray<Part> => [
  {
    rank: 8,
    lines: Table.render(
      columns,
      views.map((view) => row(view, now))
    )
  },
  { rank: 7, lines: waiting(views) },
  { rank: 5, lines: below("live jobs", jobs(views)) },
  { rank: 4, lines: below("last receipts", receipts(views)) }
]

/** An agent in one line, as in the list of all. */
export const row = (view: View, now: number): ReadonlyArray<string> => {
  const daily = view.budget.limits.find(({ limit }) => limit === "daily_limit_sats")
  const [tick] = view.ticks
  return [
    AgentTelling.name(view),
    LifeTelling.word(view),
    LifeTelling.runway(view.runway),
    daily === undefined ? Show.cost(view.budget.spentToday) : used(daily),
    daily === undefined ? "" : LimitTelling.bar(daily, 8),
    tick === undefined ? "none yet" : TickTelling.brief(tick, now)
  ]
}
