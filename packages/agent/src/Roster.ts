/** Who ticks next, and for what: the agents of a process and when each of them is due. */
import type { Key } from "@farthing/protocol"
import type { Member } from "./AgentBook.ts"
import * as DueHeap from "./DueHeap.ts"
import * as Heartbeat from "./Heartbeat.ts"
import type { Listener } from "./Listening.ts"
import * as Trigger from "./Trigger.ts"
import * as TriggerQueue from "./TriggerQueue.ts"

/** An agent that waits, or ticks now. */
export interface Seat extends DueHeap.Due {
  readonly id: Key.PublicKey
  rhythm: Heartbeat.Rhythm
  listener: Listener
  /** Unix milliseconds. */
  heartbeat: number
  queue: TriggerQueue.TriggerQueue
  isTicking: boolean
}

/** How a tick ended, as far as the next one hangs on it: `open` is one that has to go on soon. */
export type End = "over" | "open"

/** Times are unix milliseconds; chances are drawn from 0 to below 1. */
export interface Roster {
  readonly seats: ReadonlyMap<Key.PublicKey, Seat>
  /** Gives a member its seat, or a known one its new rhythm. */
  readonly take: (member: Member, now: number, chance: number) => void
  /** Nobody else keeps a seat. */
  readonly retain: (members: ReadonlyArray<Member>) => void
  /** False for somebody who has no seat. */
  readonly offer: (agent: Key.PublicKey, trigger: Trigger.Trigger, now: number) => boolean
  /** When somebody is due; infinite where nobody ever is. */
  readonly nextDue: () => number
  /** Begins the tick of whoever is due by now. */
  readonly begin: (
    now: number
  ) => { readonly seat: Seat; readonly trigger: Trigger.Trigger } | undefined
  /** The same for one of them, due or not. */
  readonly beginNow: (seat: Seat, now: number) => Trigger.Trigger
  /** Its next heartbeat, where this tick was one. */
  readonly end: (
    seat: Seat,
    trigger: Trigger.Trigger,
    end: End,
    now: number,
    chance: number
  ) => number | undefined
}

/** Before a tick goes on that another process is at, or whose payment is not known. */
const openWait = 15_000

/** New agents do not all begin at once. */
const firstWithin = 60_000

export const make = (rules: TriggerQueue.Rules): Roster => {
  const seats = new Map<Key.PublicKey, Seat>()
  const heap = DueHeap.make<Seat>()

  const arrange = (seat: Seat): void => {
    if (seats.get(seat.id) !== seat || seat.isTicking) return
    heap.put(seat, Math.min(seat.heartbeat, TriggerQueue.dueAt(seat.queue, rules)))
  }

  /** What it ticks for: what others have waited for long enough, or else its heartbeat. */
  const takeTrigger = (seat: Seat, now: number): Trigger.Trigger => {
    if (TriggerQueue.dueAt(seat.queue, rules) > now) return Trigger.heartbeat
    const [trigger = Trigger.heartbeat, queue] = TriggerQueue.take(seat.queue, now, rules)
    seat.queue = queue
    return trigger
  }

  const beginNow = (seat: Seat, now: number): Trigger.Trigger => {
    heap.remove(seat)
    seat.isTicking = true
    return takeTrigger(seat, now)
  }

  return {
    seats,
    take: (member, now, chance) => {
      const { rhythm, listener } = partsOf(member)
      const known = seats.get(member.id)
      if (known !== undefined) {
        const isOther = known.rhythm.heartbeatSeconds !== rhythm.heartbeatSeconds
        if (isOther) known.heartbeat = Heartbeat.next(rhythm, now, chance)
        Object.assign(known, { rhythm, listener })
        return arrange(known)
      }
      const seat: Seat = {
        id: member.id,
        rhythm,
        listener,
        heartbeat: member.nextHeartbeat ?? first(rhythm, now, chance),
        queue: TriggerQueue.empty,
        isTicking: false,
        due: 0,
        place: -1
      }
      seats.set(seat.id, seat)
      arrange(seat)
    },
    retain: (members) => {
      const kept = new Set(members.map(({ id }) => id))
      for (const seat of seats.values())
        if (!kept.has(seat.id)) {
          heap.remove(seat)
          seats.delete(seat.id)
        }
    },
    offer: (agent, trigger, now) => {
      const seat = seats.get(agent)
      if (seat === undefined) return false
      seat.queue = TriggerQueue.offer(seat.queue, trigger, now)
      arrange(seat)
      return true
    },
    nextDue: () => heap.first()?.due ?? Number.POSITIVE_INFINITY,
    begin: (now) => {
      const seat = heap.first()
      return seat === undefined || seat.due > now
        ? undefined
        : { seat, trigger: beginNow(seat, now) }
    },
    beginNow,
    end: (seat, trigger, end, now, chance) => {
      seat.isTicking = false
      const isBeaten = seat.heartbeat <= now
      if (end === "open" && trigger._tag !== "Heartbeat")
        seat.queue = TriggerQueue.offer(seat.queue, trigger, now + openWait)
      if (isBeaten) seat.heartbeat = end === "open" ? now + openWait : after(seat, now, chance)
      arrange(seat)
      return isBeaten && end === "over" ? seat.heartbeat : undefined
    }
  }
}

/** From when it was due; one that was late by far is not made up for. */
const after = ({ heartbeat, rhythm }: Seat, now: number, chance: number): number => {
  const planned = Heartbeat.next(rhythm, heartbeat, chance)
  return planned > now ? planned : Heartbeat.next(rhythm, now, chance)
}

const first = (rhythm: Heartbeat.Rhythm, now: number, chance: number): number => {
  const at = Math.round(now + Math.min(firstWithin, rhythm.heartbeatSeconds * 1_000) * chance)
  return rhythm.businessHours === undefined ? at : Heartbeat.opening(rhythm.businessHours, at)
}

const partsOf = ({ charter, id }: Member) => {
  const { businessHours, channels, heartbeatSeconds, jitter, triggers } = charter
  const rhythm: Heartbeat.Rhythm =
    businessHours === undefined
      ? { heartbeatSeconds, jitter }
      : { heartbeatSeconds, jitter, businessHours }
  return { rhythm, listener: { id, triggers, channels } satisfies Listener }
}
