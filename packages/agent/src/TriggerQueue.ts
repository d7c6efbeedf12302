/**
 * The triggers that wait for an agent's next tick: each event once, no more than a few, and all
 * of them together make one tick. How often others can make an agent think is bounded.
 */
import { type Trigger, strongest } from "./Trigger.ts"

export interface TriggerQueue {
  readonly waiting: ReadonlyArray<Trigger>
  /** Unix milliseconds at which the first of them came. */
  readonly since: number
  /** Unix milliseconds of the last ticks that were triggered, oldest first. */
  readonly recent: ReadonlyArray<number>
}

/** Milliseconds. */
export interface Rules {
  /** What comes within this time makes one tick. */
  readonly settle: number
  /** Between two ticks that were triggered. */
  readonly apart: number
  readonly mostPerHour: number
}

export const rules: Rules = { settle: 2_000, apart: 15_000, mostPerHour: 30 }

export const empty: TriggerQueue = { waiting: [], since: 0, recent: [] }

/** More are not told apart: what they are about stands in the inbox. */
const mostWaiting = 16

const hour = 3_600_000

export const offer = (queue: TriggerQueue, trigger: Trigger, now: number): TriggerQueue =>
  queue.waiting.length >= mostWaiting || queue.waiting.some((one) => isSame(one, trigger))
    ? queue
    : {
        ...queue,
        waiting: [...queue.waiting, trigger],
        since: queue.waiting.length === 0 ? now : queue.since
      }

/** When they make a tick; a person does not wait. */
export const dueAt = ({ recent, since, waiting }: TriggerQueue, rules: Rules): number => {
  if (waiting.length === 0) return Number.POSITIVE_INFINITY
  if (waiting.some(({ _tag }) => _tag === "Manual")) return since
  const last = recent.at(-1)
  const first = recent.at(-rules.mostPerHour)
  return Math.max(
    since + rules.settle,
    last === undefined ? 0 : last + rules.apart,
    first === undefined ? 0 : first + hour
  )
}

/** One trigger for all that wait, if any does. */
export const take = (
  queue: TriggerQueue,
  now: number,
  rules: Rules
): readonly [Trigger | undefined, TriggerQueue] => {
  const trigger = strongest(queue.waiting)
  return trigger === undefined
    ? [undefined, queue]
    : [trigger, { ...empty, recent: [...queue.recent, now].slice(-rules.mostPerHour) }]
}

const isSame = (a: Trigger, b: Trigger): boolean =>
  a._tag === b._tag && ("event" in a && "event" in b ? a.event === b.event : true)
