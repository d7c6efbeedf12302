/** Everything about one agent, as lines for people and as fields for programs. */
import type { AgentState, AgentView } from "@farthing/agent"
import { Text } from "@farthing/protocol"
import { Duration } from "effect"
import * as JobTelling from "../JobTelling.ts"
import * as LimitTelling from "../LimitTelling.ts"
import * as ReceiptTelling from "../ReceiptTelling.ts"
import * as Show from "../Show.ts"
import * as Table from "../Table.ts"
import * as LifeTelling from "./LifeTelling.ts"
import * as TickTelling from "./TickTelling.ts"

type View = AgentView.AgentView

type Fact = readonly [name: string, value: string]

const nameWidth = 12

const line = ([name, value]: Fact): string => `${name.padEnd(nameWidth)} ${value}`.trimEnd()

/** What it is called here and what the world knows it by. */
export const name = ({ member: { charter } }: Pick<View, "member">): string =>
  Show.name(charter.name, 32)

/** When it thinks. */
const rhythm = ({ member: { charter } }: View): string =>
  [
    `every ${Duration.format(Duration.seconds(charter.heartbeatSeconds))}`,
    ...(charter.triggers.length === 0 ? [] : [`on ${charter.triggers.join(", ")}`])
  ].join(", and ")

const facts = (view: View): ReadonlyArray<Fact> => {
  const { budget, member, state } = view
  const { about, autonomy } = member.charter
  return [
    ["agent", name(view)],
    ["npub", Show.npub(view.publicKey)],
    ...(about === "" ? [] : [["about", Text.printable(about, 300)] as const]),
    ["life", `${LifeTelling.word(view)}: ${LifeTelling.meaning(view)}`],
    ["runway", `${LifeTelling.runway(view.runway)} (${LifeTelling.means(view.runway)})`],
    ["heartbeat", rhythm(view)],
    ["autonomy", autonomy],
    ["ticks", state.ticks.toLocaleString("en-US")],
    ["spent", `${Show.cost(budget.spentToday)} today, ${Show.cost(budget.spentEver)} ever`],
    ...(budget.held === 0 ? [] : [["held", Show.cost(budget.held)] as const]),
    ...(budget.frozen === undefined ? [] : [["frozen", Text.printable(budget.frozen)] as const])
  ]
}

/** Lines below a heading, an empty one above it; nothing where there are none. */
const section = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)]

export const goals = ({ goals }: AgentState.AgentState): ReadonlyArray<string> =>
  goals.map(
    ({ from, id, text }) =>
      `${id}  ${Text.printable(text)} (${from === "person" ? "yours" : "its own"})`
  )

const memories = ({ memories }: AgentState.AgentState): ReadonlyArray<string> =>
  memories.slice(-10).map(({ id, text }) => `${id}  ${Text.printable(text)}`)

/** What waits for a person, and how it is answered. */
const waiting = (view: View): ReadonlyArray<string> =>
  view.waiting.flatMap((record) => [
    `${TickTelling.idOf(record)}  ${TickTelling.deed(record)}`,
    `     ${Text.printable(record.note, 160)}: \`farthing agent approve ${name(view)} ${TickTelling.idOf(record)}\`, or deny`
  ])

const limits = ({ budget: { limits } }: View): ReadonlyArray<string> =>
  limits.length === 0
    ? []
    : ["", ...Table.render(LimitTelling.columns, limits.map(LimitTelling.row))]

/** Newest first, each with what it did. */
type Stories = ReadonlyArray<TickTelling.Story>

export const lines = (view: View, stories: Stories, now: number): ReadonlyArray<string> => [
  ...facts(view).map(line),
  ...limits(view),
  ...section("goals", goals(view.state)),
  ...section("what it remembers", memories(view.state)),
  ...section("what waits for you", waiting(view)),
  ...section("jobs under way", JobTelling.lines(view.jobs)),
  ...section(
    "what it did, newest first",
    stories.flatMap((story) => TickTelling.lines(story, now))
  )
]

/** Beside everything else in a list of agents. */
export const briefFields = (view: View) => ({
  name: view.member.charter.name,
  npub: Show.npub(view.publicKey),
  account: view.member.account ?? null,
  life: view.life,
  paused: view.member.isPaused,
  balance_msats: view.runway?.balance ?? null,
  burn_msats_per_day: view.runway?.burn ?? null,
  burn_is_measured: view.runway?.isMeasured ?? null,
  runway_days: finite(view.runway?.days),
  ticks: view.state.ticks,
  spent_today_msats: view.budget.spentToday,
  spent_ever_msats: view.budget.spentEver,
  held_msats: view.budget.held,
  waiting: view.waiting.length
})

/** JSON has no infinity. */
const finite = (days: number | undefined): number | null =>
  days === undefined || !Number.isFinite(days) ? null : days

export const fields = (view: View, stories: Stories) => ({
  ...briefFields(view),
  charter: view.member.charter,
  frozen: view.budget.frozen ?? null,
  limits: view.budget.limits.map(LimitTelling.fields),
  goals: view.state.goals,
  memories: view.state.memories,
  waiting: view.waiting.map(TickTelling.actionFields),
  jobs: view.jobs.map(JobTelling.fields),
  receipts: view.receipts.map(ReceiptTelling.fields),
  ticks: stories.map(TickTelling.fields)
})
