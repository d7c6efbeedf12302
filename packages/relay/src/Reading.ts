/**
 * What one relay is read for by a subscription: all that it has stored, however little of it the
 * relay sends at a time, and whatever comes. Filters that are too many for one REQ go in several.
 */
import type { Filter } from "@farthing/protocol"
import type { Clock } from "effect"
import type { Inquiry } from "./Inquiries.ts"
import * as Paging from "./Paging.ts"
import type { RelayConnection } from "./RelayConnection.ts"
import type * as RelayMessage from "./RelayMessage.ts"
import * as UnixTime from "./UnixTime.ts"

/**
 * How a relay stands to a subscription: `undefined` while its stored events are awaited. One that
 * is `unreachable` or `busy` will be asked again.
 */
export type Standing = "stored" | "refused" | "busy" | "unreachable" | "silent" | undefined

export interface Reading {
  readonly standing: () => Standing
  /** Tells the relay to send no more, until `resume` asks again. */
  readonly pause: () => void
  readonly resume: () => void
  /** There is room for more: the next page is asked for, if one is due. */
  readonly proceed: () => void
  /** The time is up: what is not stored by now is not waited for. */
  readonly giveUp: () => void
  readonly close: () => void
}

export interface Options {
  readonly filters: ReadonlyArray<Filter.Filter>
  readonly connection: RelayConnection
  readonly clock: Clock.Clock
  /** Nothing is wanted beyond what is stored. */
  readonly complete: boolean
  /** Takes an event; whether it is one that was asked for. */
  readonly take: (raw: unknown, bytes: number) => boolean
  /** Whether an event of this id was asked for, and has been taken. */
  readonly isCopy: (id: string) => boolean
  readonly hasRoom: () => boolean
  /** Every event that arrived at or after this unix second is remembered by whoever takes them. */
  readonly horizon: () => number | undefined
  /** The standing may have changed. */
  readonly onChange: () => void
  readonly onRefusal: (message: string) => void
  readonly onOutOfReach: (second: number) => void
}

/** How far events may be back-dated that come while a relay with a `limit` filter is away. */
const limitOverlapSeconds = 60

/** How far they may be back-dated that come while a relay is away that sends few at a time. */
const pageOverlapSeconds = 3_600

export const make = (options: Options): Reading => {
  const { onChange } = options
  let parts: ReadonlyArray<Part> = []
  let paused = false
  let warned = false

  const standing = (): Standing => {
    const all = parts.map((part) => part.standing())
    for (const one of [undefined, "unreachable", "busy", "silent"] as const)
      if (all.includes(one)) return one
    return all.every((one) => one === "refused") || (options.complete && all.includes("refused"))
      ? "refused"
      : "stored"
  }

  /** Whoever knows that some are missing need not hear it again with every dial. */
  const onOutOfReach = (second: number): void => {
    if (!warned) options.onOutOfReach(second)
    warned = true
  }

  /** Reads the same with fewer filters in a REQ. */
  const divide = (part: Part, filters: ReadonlyArray<Filter.Filter>): void => {
    part.close()
    parts = parts.filter((one) => one !== part)
    for (const filter of filters) open([filter])
    onChange()
  }

  const open = (filters: ReadonlyArray<Filter.Filter>): void => {
    const part = makePart(options, filters, { isPaused: () => paused, onOutOfReach, divide })
    parts = [...parts, part]
    part.begin()
  }

  open(options.filters)

  return {
    standing,
    pause: () => {
      paused = true
      for (const part of parts) part.pause()
    },
    resume: () => {
      paused = false
      for (const part of parts) part.resume()
    },
    proceed: () => {
      for (const part of parts) part.proceed()
    },
    giveUp: () => {
      for (const part of parts) part.giveUp()
    },
    close: () => {
      for (const part of parts) part.close()
    }
  }
}

/** One REQ that stays open, and the pages behind it. */
interface Part extends Reading {
  readonly begin: () => void
}

const makePart = (
  options: Options,
  filters: ReadonlyArray<Filter.Filter>,
  whole: {
    readonly isPaused: () => boolean
    readonly onOutOfReach: (second: number) => void
    readonly divide: (part: Part, filters: ReadonlyArray<Filter.Filter>) => void
  }
): Part => {
  const { clock, complete, connection, hasRoom, isCopy, onRefusal, take } = options
  const now = (): number => UnixTime.fromMillis(clock.currentTimeMillisUnsafe())
  const paging = Paging.make({
    maxLimit: () => connection.limits()?.maxLimit,
    onOutOfReach: whole.onOutOfReach
  })

  let standing: Standing
  /** Whether the relay could be reached, and has got our question. */
  let asked = false
  let askedFor = filters
  /** Whether the relay's limits were known when it was asked. */
  let informed = false
  /** When (unix seconds) the relay first had sent all that it had stored. */
  let storedAt: number | undefined
  /** Until when (unix seconds) everything is known to have come, the back-dated aside. */
  let heardAt: number | undefined
  let answer: Paging.Answer | undefined
  let inquiry: Inquiry | undefined
  let page: Inquiry | undefined

  const stand = (next: Standing): void => {
    standing = next
    options.onChange()
  }

  const finish = (): void => {
    storedAt ??= now()
    stand("stored")
  }

  /** What to ask the relay for: all of it, and once it has sent that, whatever can be new. */
  const question = (): ReadonlyArray<Filter.Filter> => {
    const since = storedAt
    return since === undefined
      ? filters
      : filters.flatMap((filter) => resumed(filter, since, options.horizon()))
  }

  const onRefused = (message: string, refused: "refused" | "busy"): void => {
    onRefusal(message)
    if (isTooManyFilters(message)) return whole.divide(part, filters)
    if (refused === "refused" && !informed)
      return connection.onceInformed(() => {
        if (!whole.isPaused()) inquiry?.resume()
      })
    stand(refused)
  }

  const isTooManyFilters = (message: string): boolean =>
    filters.length > 1 &&
    storedAt === undefined &&
    (/filter/i.test(message) || askedFor.length > (connection.limits()?.maxFilters ?? Infinity))

  const onUnreachable = (): void => {
    asked = false
    if (standing === undefined) stand("unreachable")
  }

  /** What may be missing between what the answer has and what is known. */
  const onAnswer = (complete: Paging.Answer): void => {
    const known = heardAt === undefined ? 0 : heardAt - pageOverlapSeconds
    heardAt = now()
    if (!paging.mayBeCut(complete.count())) return
    const count = askedFor.length === 1 ? complete.count() : 0
    // No relay cuts short what is asked for in so small a number.
    const cut = askedFor.filter((filter) => paging.mayBeCut(mostOf(filter)))
    paging.add(stretchesOf(cut, complete, known, askedFor.length === 1), count)
  }

  const proceed = (): void => {
    if (page !== undefined || whole.isPaused() || !hasRoom()) return
    const next = paging.next()
    if (next !== undefined) turnTo(next)
  }

  const goOn = (): void => (paging.next() === undefined ? finish() : proceed())

  const turnTo = (filter: Filter.Filter): void => {
    if (complete) inquiry?.close()
    let content = paging.answer()
    const turn = (): void => {
      page?.close()
      page = undefined
      paging.advance(content)
      goOn()
    }
    page = connection.ask({
      onAsk: () => {
        content = paging.answer()
        standAgain()
        return [filter]
      },
      onEvent: (raw, bytes) => content.note(raw, take(raw, bytes)),
      onCopy: (glance) => {
        const known = isCopy(glance.id)
        if (known) content.note(glance, true)
        return known
      },
      onStored: turn,
      // It sent no more than it did: that is all there is to be had.
      onRefused: turn,
      onPutOff: onRefusal,
      onUnreachable
    })
  }

  const standAgain = (): void => {
    asked = true
    if (standing === "unreachable" || standing === "busy") standing = undefined
  }

  const onEvent = (raw: unknown, bytes: number): void => heard(raw, take(raw, bytes))

  const onCopy = (glance: RelayMessage.Glance): boolean => {
    const known = isCopy(glance.id)
    if (known) heard(glance, true)
    return known
  }

  const heard = (raw: unknown, fits: boolean): void => {
    if (answer === undefined) {
      if (fits) heardAt = now()
      return
    }
    answer.note(raw, fits)
    if (complete && answer.fitting() === wanted) onStored()
  }

  const onStored = (): void => {
    const content = answer
    answer = undefined
    if (content !== undefined) onAnswer(content)
    goOn()
  }

  /** A query that got so many events need not wait for the relay to say that there are no more. */
  const [only] = filters
  const wanted = filters.length === 1 && only !== undefined ? mostOf(only) : undefined

  const part: Part = {
    begin: () => {
      inquiry = connection.ask({
        onAsk: () => {
          standAgain()
          askedFor = question()
          answer = Paging.makeAnswer()
          const limits = connection.limits()
          informed = limits !== undefined
          return askedFor.map((filter) => clamped(filter, limits?.maxLimit))
        },
        onEvent,
        onCopy,
        onStored,
        onRefused: (message) => onRefused(message, "refused"),
        onPutOff: (message) => onRefused(message, "busy"),
        onUnreachable
      })
    },
    standing: () => standing,
    pause: () => {
      inquiry?.pause()
      page?.pause()
    },
    resume: () => {
      inquiry?.resume()
      page?.resume()
    },
    proceed,
    giveUp: () => {
      standing ??= asked ? "silent" : "unreachable"
    },
    close: () => {
      inquiry?.close()
      page?.close()
    }
  }
  return part
}

/** How many events there can be for a filter. */
const mostOf = (filter: Filter.Filter): number =>
  Math.min(filter.limit ?? Number.POSITIVE_INFINITY, filter.ids?.length ?? Number.POSITIVE_INFINITY)

const clamped = (filter: Filter.Filter, maxLimit = Paging.usualLimit): Filter.Filter =>
  filter.limit === undefined || filter.limit <= maxLimit ? filter : { ...filter, limit: maxLimit }

/**
 * What is left to be read behind an answer. Of one filter the answer says how far it went; of
 * several nobody knows which got how many, so that each is read from its beginning.
 */
const stretchesOf = (
  filters: ReadonlyArray<Filter.Filter>,
  answer: Paging.Answer,
  known: number,
  isOnly: boolean
): ReadonlyArray<Paging.Stretch> =>
  filters.flatMap((filter): ReadonlyArray<Paging.Stretch> => {
    const { limit: _, ...rest } = filter
    const left = mostOf(filter) - (isOnly ? answer.count() : 0)
    if (left <= 0) return []
    const downTo = Math.max(filter.since ?? 0, known)
    const until = isOnly ? answer.oldest() : filter.until
    if (until !== undefined && (until < downTo || !Number.isFinite(until))) return []
    return [{ filter: rest, until, downTo, left, edge: new Set(isOnly ? answer.edge() : []) }]
  })

/**
 * Beyond the horizon everything was passed on and forgotten; and a limit is for the first time,
 * as more events than that may have come since. The bounded filter goes along, because a clock
 * that is wrong must not keep live events away.
 */
const resumed = (
  filter: Filter.Filter,
  storedAt: number,
  horizon: number | undefined
): ReadonlyArray<Filter.Filter> => {
  const { limit, ...rest } = filter
  if (limit === undefined && horizon === undefined) return [filter]
  const since = Math.max(
    filter.since ?? 0,
    horizon ?? 0,
    limit === undefined ? 0 : storedAt - limitOverlapSeconds
  )
  return [
    { ...rest, limit: limit ?? 1 },
    { ...rest, since }
  ]
}
