/** What honest relays do, each in its own way, and a market must live with. */
import { Filter, NostrEvent } from "@farthing/protocol"
import { Result } from "effect"
import { ask, type Deed, forward, type Frame, type Manner, say } from "./OtherRelay.ts"

const isOf = (frame: Frame, ...types: ReadonlyArray<string>): boolean =>
  types.includes(String(frame[0]))

const eventIn = (value: unknown): NostrEvent.NostrEvent | undefined =>
  Result.getOrUndefined(NostrEvent.decode(value))

const filtersIn = (frame: Frame): ReadonlyArray<Filter.Filter> =>
  frame.slice(2).flatMap((filter) => {
    const decoded = Filter.decode(filter)
    return Result.isSuccess(decoded) ? [decoded.success] : []
  })

const stamped = (filters: ReadonlyArray<Filter.Filter>, frame: Frame): Frame => [
  frame[0],
  frame[1],
  ...filters
]

/** The first `count` calls. */
const first = (count: number): (() => boolean) => {
  let calls = 0
  return () => calls++ < count
}

/** A word of the relay about what a client sent: about its event, or about its subscription. */
const refusing = (frame: Frame, reason: string): ReadonlyArray<Deed> =>
  isOf(frame, "EVENT")
    ? [say("OK", eventIn(frame[1])?.id, false, reason)]
    : [say("CLOSED", frame[1], reason)]

/** Says of an older version of a replaceable event that it is a duplicate, and accepted. */
export const callsOlderOnesDuplicate: Manner = () => ({
  onRelay: (frame) =>
    isOf(frame, "OK") && String(frame[3]).startsWith("replaced:")
      ? [say("OK", frame[1], true, "duplicate: have a newer one")]
      : [forward(frame)]
})

/** Says `OK false` of what it holds already. */
export const refusesDuplicates: Manner = () => ({
  onRelay: (frame) =>
    isOf(frame, "OK") && String(frame[3]).startsWith("duplicate:")
      ? [say("OK", frame[1], false, frame[3])]
      : [forward(frame)]
})

/** What only those may do who have said who they are (NIP-42). */
export type Guarded = "REQ" | "EVENT"

/** Sends its challenge as soon as somebody connects, and insists on a proof for some things. */
export const asksWho =
  (...guarded: ReadonlyArray<Guarded>): Manner =>
  () => {
    let isKnown = false
    return {
      onDial: () => [say("AUTH", "who are you")],
      onClient: (frame) => {
        if (isOf(frame, "AUTH")) {
          const proof = eventIn(frame[1])
          isKnown = proof !== undefined && proof.kind === 22_242 && NostrEvent.verify(proof)
          return [say("OK", proof?.id, isKnown, isKnown ? "" : "auth-required: no proof")]
        }
        return isKnown || !isOf(frame, ...guarded)
          ? [forward(frame)]
          : refusing(frame, "auth-required: say who you are")
      }
    }
  }

/** Forgets who somebody is when their first subscription has brought something, and ends it. */
export const forgetsWho: Manner = () => {
  const guard = asksWho("REQ", "EVENT")
  let conduct = guard()
  const due = first(1)
  return {
    onDial: () => conduct.onDial?.() ?? [],
    onClient: (frame) => conduct.onClient?.(frame) ?? [],
    onRelay: (frame) => {
      if (!isOf(frame, "EOSE") || !due()) return [forward(frame)]
      conduct = guard()
      return [
        forward(frame),
        say("AUTH", "who was it"),
        ask("CLOSE", frame[1]),
        say("CLOSED", frame[1], "auth-required: your session is over")
      ]
    }
  }
}

/** Sends stored events oldest first where no `limit` is given. */
export const ascends: Manner = () => {
  const gathered = new Map<unknown, Array<Frame>>()
  return {
    onClient: (frame) => {
      if (isOf(frame, "REQ") && filtersIn(frame).every(({ limit }) => limit === undefined))
        gathered.set(frame[1], [])
      return [forward(frame)]
    },
    onRelay: (frame) => {
      const events = gathered.get(frame[1])
      if (events === undefined) return [forward(frame)]
      if (isOf(frame, "EVENT")) return (events.push(frame), [])
      gathered.delete(frame[1])
      return [...events.toReversed(), frame].map(forward)
    }
  }
}

/** Takes a filter without this field, and says nothing about it. */
export const ignores =
  (field: "authors" | "since" | `#${string}`): Manner =>
  () => ({
    onClient: (frame) =>
      isOf(frame, "REQ")
        ? [
            forward(
              stamped(
                filtersIn(frame).map(({ [field]: _ignored, ...rest }) => rest),
                frame
              )
            )
          ]
        : [forward(frame)]
  })

/** Keeps ephemeral events, and sends them to whoever asks later. */
export const keepsEphemerals = (): Manner => {
  const kept: Array<NostrEvent.NostrEvent> = []
  return () => {
    const asked = new Map<unknown, ReadonlyArray<Filter.Filter>>()
    return {
      onClient: (frame) => {
        if (isOf(frame, "REQ")) asked.set(frame[1], filtersIn(frame))
        const event = isOf(frame, "EVENT") ? eventIn(frame[1]) : undefined
        if (event !== undefined && NostrEvent.isEphemeral(event.kind)) kept.push(event)
        return [forward(frame)]
      },
      onRelay: (frame) => {
        const filters = isOf(frame, "EOSE") ? asked.get(frame[1]) : undefined
        if (filters === undefined) return [forward(frame)]
        asked.delete(frame[1])
        const wanted = kept.filter((event) => Filter.anyMatches(filters, event))
        return [...wanted.map((event) => say("EVENT", frame[1], event)), forward(frame)]
      }
    }
  }
}

/** Refuses every event. */
export const refuses =
  (reason: string): Manner =>
  () => ({
    onClient: (frame) => (isOf(frame, "EVENT") ? refusing(frame, reason) : [forward(frame)])
  })

/** Refuses the first events and subscriptions of a connection. */
export const refusesAtFirst =
  (reason: string): Manner =>
  () => {
    const due = first(2)
    return {
      onClient: (frame) =>
        isOf(frame, "EVENT", "REQ") && due() ? refusing(frame, reason) : [forward(frame)]
    }
  }

/** Holds live events back, and sends what has gathered: a fixed debounce. */
export const holdsLive =
  (millis: number): Manner =>
  () => {
    const live = new Set<unknown>()
    return {
      onClient: (frame) => {
        if (isOf(frame, "REQ", "CLOSE")) live.delete(frame[1])
        return [forward(frame)]
      },
      onRelay: (frame) => {
        if (isOf(frame, "EOSE")) live.add(frame[1])
        return isOf(frame, "EVENT") && live.has(frame[1])
          ? [{ _tag: "Together", millis, deed: forward(frame) }]
          : [forward(frame)]
      }
    }
  }

/** Ends each of the first subscriptions of a connection instead of sending what comes for it, if that is kept. */
export const endsSubscriptions =
  (reason: string): Manner =>
  () => {
    const live = new Set<unknown>()
    const due = first(2)
    return {
      onRelay: (frame) => {
        if (isOf(frame, "EOSE")) live.add(frame[1])
        if (!isOf(frame, "EVENT") || !live.has(frame[1]) || !due()) return [forward(frame)]
        const isLost = NostrEvent.isEphemeral(eventIn(frame[2])?.kind ?? 0)
        return [
          ...(isLost ? [forward(frame)] : []),
          ask("CLOSE", frame[1]),
          say("CLOSED", frame[1], reason)
        ]
      }
    }
  }

/** Talks where it should answer. */
export const givesNotice =
  (type: "OK" | "EOSE"): Manner =>
  () => ({
    onRelay: (frame) => [isOf(frame, type) ? say("NOTICE", "all is well") : forward(frame)]
  })

/** Has no time for the first events and subscriptions of a connection, and says so to nobody in particular. */
export const givesNoticeAtFirst: Manner = () => {
  const due = first(2)
  return {
    onClient: (frame) =>
      isOf(frame, "EVENT", "REQ") && due() ? [say("NOTICE", "rate limited")] : [forward(frame)]
  }
}

export const endsTwice: Manner = () => ({
  onRelay: (frame) => (isOf(frame, "EOSE") ? [forward(frame), forward(frame)] : [forward(frame)])
})

export interface Limits {
  readonly maxMessageLength?: number
  readonly maxSubscriptions?: number
  readonly maxSubscriptionIdLength?: number
  readonly maxFilters?: number
  /** What asks for more is refused. */
  readonly maxLimit?: number
  /** By how many seconds events may be dated ahead. */
  readonly ahead?: number
  /** By how many seconds events may be dated back. */
  readonly behind?: number
  /** What somebody is told who goes too far with a subscription. */
  readonly by: "CLOSED" | "NOTICE"
}

/** Enforces limits; `now` is the time in unix seconds. */
export const limits =
  (limit: Limits, now: () => number): Manner =>
  () => {
    const running = new Set<unknown>()
    const {
      ahead = Infinity,
      behind = Infinity,
      maxFilters = Infinity,
      maxLimit = Infinity,
      maxMessageLength = Infinity,
      maxSubscriptionIdLength = Infinity,
      maxSubscriptions = Infinity
    } = limit

    const refusal = (frame: Frame): string | undefined => {
      const filters = filtersIn(frame)
      if (String(frame[1]).length > maxSubscriptionIdLength)
        return "invalid: subscription id too long"
      if (filters.length > maxFilters) return "error: too many filters"
      if (filters.some((filter) => (filter.limit ?? 0) > maxLimit))
        return `invalid: limit must be less than or equal to ${maxLimit}`
      if (!running.has(frame[1]) && running.size >= maxSubscriptions)
        return "error: too many subscriptions"
      return undefined
    }

    return {
      onClient: (frame) => {
        if (JSON.stringify(frame).length > maxMessageLength)
          return [say("NOTICE", "ERROR: message too large")]
        if (isOf(frame, "CLOSE")) running.delete(frame[1])
        if (isOf(frame, "REQ")) {
          const reason = refusal(frame)
          if (reason !== undefined)
            return [limit.by === "CLOSED" ? say("CLOSED", frame[1], reason) : say("NOTICE", reason)]
          running.add(frame[1])
        }
        const event = isOf(frame, "EVENT") ? eventIn(frame[1]) : undefined
        if (event !== undefined && event.created_at > now() + ahead)
          return refusing(frame, "invalid: created_at is too far in the future")
        if (event !== undefined && event.created_at < now() - behind)
          return refusing(frame, "invalid: created_at is too far in the past")
        return [forward(frame)]
      }
    }
  }

/** Sends no more stored events than this for a filter, whatever it asks for. */
export const caps =
  (most: number): Manner =>
  () => ({
    onClient: (frame) =>
      isOf(frame, "REQ")
        ? [
            forward(
              stamped(
                filtersIn(frame).map((filter) => ({
                  ...filter,
                  limit: Math.min(filter.limit ?? most, most)
                })),
                frame
              )
            )
          ]
        : [forward(frame)]
  })

/** Is gone without a word after so many frames of a connection, of the first connections. */
export const dies = (frames: number, times: number): Manner => {
  const mortal = first(times)
  return () => {
    const isMortal = mortal()
    const lives = first(frames)
    return {
      onRelay: (frame) => (isMortal && !lives() ? [{ _tag: "HangUp" }] : [forward(frame)])
    }
  }
}

/** Neither reads nor answers for a while, in the midst of the first connections; pings included. */
export const freezes = (frames: number, millis: number, times: number): Manner => {
  const cold = first(times)
  return () => {
    const isCold = cold()
    let left = frames
    return {
      onRelay: (frame) =>
        isCold && left-- === 0 ? [forward(frame), { _tag: "Freeze", millis }] : [forward(frame)]
    }
  }
}

/** Reads a while after every frame. */
export const readsSlowly =
  (millis: number): Manner =>
  () => ({
    onClient: (frame) => [{ _tag: "Later", millis, deed: forward(frame) }]
  })

/** Says a lot besides: binary frames, verbs of other times, and more text than anybody reads. */
export const rambles: Manner = () => ({
  onRelay: (frame) => [
    say("COUNT", frame[1], { count: 1 }),
    { _tag: "Babble", data: Buffer.from(JSON.stringify(frame)) },
    say("NEG-MSG", frame[1], "00"),
    say("NOTICE", "x".repeat(20_000)),
    forward(frame)
  ]
})
