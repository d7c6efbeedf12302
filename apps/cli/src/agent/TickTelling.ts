/** How an agent's ticks and actions are told: what it did, what came of it, and what it cost. */
import { Action, TickRecord, Trigger } from "@farthing/agent"
import { Msat, Text } from "@farthing/protocol"
import * as Show from "../Show.ts"

type Tick = TickRecord.TickRecord
type Deed = TickRecord.ActionRecord

/** A tick and what it wanted to be done. */
export interface Story {
  readonly tick: Tick
  readonly actions: ReadonlyArray<Deed>
}

/** The thought and everything that was paid for. */
const costOf = ({ actions, tick }: Story): Msat.Msat =>
  Msat.sum([tick.cost, ...actions.map(({ cost }) => cost)])

const marks: Readonly<Record<TickRecord.ActionState, string>> = {
  intended: "·",
  waiting: "?",
  approved: "·",
  rejected: "✗",
  begun: "·",
  unknown: "!",
  done: "✓",
  refused: "✗",
  failed: "✗"
}

/** What a person calls it by, to approve it or not. */
export const idOf: (record: Deed) => string = TickRecord.actionId

/** What an action says, on one line: texts may be of anybody. */
export const deed = ({ action }: Deed, most = 200): string =>
  Text.printable(Action.format(action), most)

/** Of an action: what it is, how it stands, what it cost, and why. */
export const actionLine = (record: Deed): string => {
  const { cost, note, state } = record
  const parts = [
    ...(state === "done" ? [] : [state]),
    ...(cost === 0 ? [] : [Show.cost(cost)]),
    ...(state === "done" || note === "" ? [] : [Text.printable(note, 160)])
  ]
  return `${marks[state]} ${deed(record)}${parts.length === 0 ? "" : ` (${parts.join(": ")})`}`
}

export const trigger = ({ trigger }: Pick<Tick, "trigger">): string =>
  Trigger.wireName[trigger._tag]

/** How long it took, or has taken so far, in milliseconds. */
const millisOf = ({ finishedAt, startedAt }: Tick, now: number): number =>
  Math.max(0, (finishedAt ?? now) - startedAt)

/** `5: thinking for 1.2 s`, `4: finished 2 min ago` */
export const brief = (tick: Tick, now: number): string =>
  tick.finishedAt === null
    ? `${tick.number}: ${tick.stage} for ${Show.seconds(millisOf(tick, now))}`
    : `${tick.number}: ${tick.stage} ${Show.ago((now - tick.finishedAt) / 1000)}`

/** `5  2026-11-23 05:40:01  heartbeat  finished in 1.2 s  11 sats` */
export const headline = (story: Story, now: number): string => {
  const { tick } = story
  const end = {
    thinking: "thinking for",
    acting: "acting for",
    finished: "took",
    failed: "failed after"
  }
  return [
    `tick ${tick.number}`,
    `${Show.fullTime(Math.floor(tick.startedAt / 1000))} UTC`,
    trigger(tick),
    `${end[tick.stage]} ${Show.seconds(millisOf(tick, now))}`,
    Show.cost(costOf(story))
  ].join(" · ")
}

/** The tick, and below it what it did. */
export const lines = (story: Story, now: number): ReadonlyArray<string> => {
  const { actions, tick } = story
  return [
    headline(story, now),
    ...(tick.note === "" ? [] : [`  ${Text.printable(tick.note, 300)}`]),
    ...actions.map((action) => `  ${actionLine(action)}`),
    ...(tick.stage === "finished" && actions.length === 0
      ? [`  · no action in its thought: ${thought(tick)}`]
      : [])
  ]
}

/** A thought in which there was no action. */
const thought = ({ reply }: Tick): string =>
  reply === "" ? "an empty thought" : JSON.stringify(Text.printable(reply, 100))

export const actionFields = (record: Deed) => ({
  id: TickRecord.actionId(record),
  action: Action.wireName[record.action._tag],
  line: Action.format(record.action),
  state: record.state,
  note: record.note,
  approved: record.approved,
  cost_msats: record.cost,
  event: record.event
})

export const fields = (story: Story) => {
  const { actions, tick } = story
  return {
    tick: tick.number,
    trigger: trigger(tick),
    stage: tick.stage,
    note: tick.note,
    started_at_millis: tick.startedAt,
    finished_at_millis: tick.finishedAt,
    provider: tick.provider === null ? null : Show.npub(tick.provider),
    thought: tick.reply,
    thought_cost_msats: tick.cost,
    cost_msats: costOf(story),
    actions: actions.map(actionFields)
  }
}
