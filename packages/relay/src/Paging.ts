/**
 * Reading backwards: a relay answers a REQ with no more events than it likes (often 500) and does
 * not say that there are more. So whoever got many asks for what is older, until there is none.
 *
 * A plain state machine; it sends nothing itself.
 */
import type { Filter } from "@farthing/protocol"

/** What one answer (all that came before EOSE) amounts to; the events themselves are gone. */
export interface Answer {
  /** Counts an event of the answer, as it came; `fits` if it is one that was asked for. */
  readonly note: (raw: unknown, fits: boolean) => void
  readonly count: () => number
  readonly fitting: () => number
  /** How many of them the answer before had, too. */
  readonly repeated: () => number
  /** The date of the oldest; infinite if there is none. */
  readonly oldest: () => number
  /** The ids of those that are as old as the oldest. */
  readonly edge: () => ReadonlyArray<string>
}

/** A stretch of time that is left to be read for one filter. */
export interface Stretch {
  readonly filter: Filter.Filter
  /** Unix seconds; the newest that is missing. */
  readonly until: number | undefined
  /** Unix seconds; what is older is not missing. */
  readonly downTo: number
  /** How many events are wanted. */
  readonly left: number
  /** The ids that are known of the second `until`. */
  readonly edge: ReadonlySet<string>
}

export interface Paging {
  /** Whether an answer of so many events may have been cut short. */
  readonly mayBeCut: (count: number) => boolean
  /** What to ask for now; undefined if nothing is left. */
  readonly next: () => Filter.Filter | undefined
  /** An answer to be filled. */
  readonly answer: () => Answer
  /** The answer is complete. */
  readonly advance: (answer: Answer) => void
  /** What is left behind an answer of `count` events; 0 if it was one to several filters. */
  readonly add: (stretches: ReadonlyArray<Stretch>, count: number) => void
}

export interface Options {
  /** The largest `limit` that the relay takes, as far as it says so (NIP-11). */
  readonly maxLimit: () => number | undefined
  /** Events of this unix second were left out: there are more of them than the relay sends. */
  readonly onOutOfReach: (second: number) => void
}

/** No relay is known to cap its answers below, unless it says so: who got fewer has them all. */
const leastPage = 50

/** Every relay takes a `limit` of so much; some refuse more. */
export const usualLimit = 500

/** However much a relay has. */
const mostPages = 1_000

/** The ids of one second that are kept apart; nobody sends more of one second. */
const mostOfASecond = 32_768

const idLength = 64

/** A relay that ignores a field of the filter may have nothing that fits for so long. */
const mostFruitless = 20

export const makeAnswer = (before?: Pick<Stretch, "until" | "edge">): Answer => {
  let count = 0
  let fitting = 0
  let repeated = 0
  let oldest = Number.POSITIVE_INFINITY
  let edge: Array<string> = []
  return {
    note: (raw, fits) => {
      count++
      if (fits) fitting++
      const { created_at: at, id } = fieldsOf(raw)
      if (typeof at !== "number" || typeof id !== "string" || id.length !== idLength) return
      if (at === before?.until && before.edge.has(id)) repeated++
      if (at < oldest) {
        oldest = at
        if (edge.length > 0) edge = []
      }
      if (at === oldest && edge.length < mostOfASecond) edge.push(flat(id))
    },
    count: () => count,
    fitting: () => fitting,
    repeated: () => repeated,
    oldest: () => oldest,
    edge: () => edge
  }
}

export const make = ({ maxLimit, onOutOfReach }: Options): Paging => {
  let stretches: ReadonlyArray<Stretch> = []
  let pages = 0
  let fruitless = 0
  /** Events of the largest answer to one filter. */
  let largest = 0

  const mayBeCut = (count: number): boolean => count >= Math.min(leastPage, maxLimit() ?? leastPage)

  /** Who does not state where it cuts off does so at a round number, and not at 73. */
  const isCap = (count: number): boolean => {
    const stated = maxLimit()
    return stated === undefined ? count % leastPage === 0 : count >= stated
  }

  const remaining = (stretch: Stretch, answer: Answer): ReadonlyArray<Stretch> => {
    const { downTo, until = Number.POSITIVE_INFINITY } = stretch
    const [count, oldest] = [answer.count(), answer.oldest()]
    const news = count - answer.repeated()
    const left = stretch.left - news
    const isAll = !mayBeCut(count) || count < (stretch.filter.limit ?? 0)
    if (isAll || left <= 0 || oldest > until || oldest < downTo) return []
    if (oldest < until) return [{ ...stretch, until: oldest, left, edge: new Set(answer.edge()) }]
    if (news > 0 && stretch.edge.size + answer.edge().length <= mostOfASecond)
      return [{ ...stretch, left, edge: new Set([...stretch.edge, ...answer.edge()]) }]
    const before = { ...stretch, until: until - 1, edge: nothing }
    const within = count < largest ? [] : narrower(stretch, until, count)
    if (count >= largest && isCap(count) && within.length === 0) onOutOfReach(until)
    return [...within, ...(before.until < downTo ? [] : [before])]
  }

  /** One second that has more events than the relay sends: fewer of them are asked for at a time. */
  const narrower = (stretch: Stretch, second: number, count: number): ReadonlyArray<Stretch> => {
    const only = (filter: Filter.Filter): Stretch => ({
      filter: { ...filter, since: second },
      until: second,
      downTo: second,
      left: stretch.left,
      edge: nothing
    })
    const halves = halved(stretch.filter)
    if (halves !== undefined) return halves.map(only)
    const limit = maxLimit() ?? 0
    return limit > count && stretch.filter.limit === undefined
      ? [only({ ...stretch.filter, limit })]
      : []
  }

  return {
    mayBeCut,
    next: () => {
      const [stretch] = stretches
      if (stretch === undefined) return undefined
      const { edge, filter, left, until } = stretch
      const most = maxLimit() ?? usualLimit
      const limit = Number.isFinite(left) ? Math.min(left + edge.size, most) : undefined
      return {
        ...filter,
        ...(until === undefined ? {} : { until }),
        ...(limit === undefined ? {} : { limit })
      }
    },
    answer: () => makeAnswer(stretches[0]),
    advance: (answer) => {
      const [stretch, ...others] = stretches
      if (stretch === undefined) return
      largest = Math.max(largest, answer.count())
      fruitless = answer.fitting() === 0 ? fruitless + 1 : 0
      const isEnough = ++pages >= mostPages || fruitless >= mostFruitless
      stretches = isEnough ? [] : [...remaining(stretch, answer), ...others]
      if (stretches.length === 0) pages = fruitless = 0
    },
    add: (more, count) => {
      largest = Math.max(largest, count)
      stretches = [...stretches, ...more]
    }
  }
}

/** A piece of a frame would keep the whole of it in memory. */
const flat = (id: string): string => Buffer.from(id, "latin1").toString("latin1")

const nothing: ReadonlySet<string> = new Set()

const fieldsOf = (raw: unknown): { readonly created_at?: unknown; readonly id?: unknown } =>
  typeof raw === "object" && raw !== null ? raw : {}

/** The filter in two, by the list that has most values; undefined if none has several. */
const halved = (filter: Filter.Filter): readonly [Filter.Filter, Filter.Filter] | undefined => {
  const [longest] = Object.entries(filter)
    .filter((entry): entry is [string, ReadonlyArray<unknown>] => Array.isArray(entry[1]))
    .toSorted(([, a], [, b]) => b.length - a.length)
  if (longest === undefined || longest[1].length < 2) return undefined
  const [key, values] = longest
  const middle = values.length >> 1
  return [
    { ...filter, [key]: values.slice(0, middle) },
    { ...filter, [key]: values.slice(middle) }
  ]
}
