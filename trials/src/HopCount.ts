/**
 * Counts hops: through how many events somebody's knowledge has come, one after the other. An
 * event is one hop further than whatever its author had heard when it was said. People are told
 * apart by the relays that they go through, one or several each; time plays no part.
 */
import type { Manner } from "./OtherRelay.ts"

export interface HopCount {
  /**
   * On a relay that only this person uses; the outermost manner, so that it sees what really
   * arrives. Whatever comes from nobody who is counted comes from `other`, to whom all of it goes.
   */
  readonly between: (person: string, other?: string) => Manner
  /** The longest chain of events that has come to this person since the last time. */
  readonly take: (person: string) => number
}

export const make = (): HopCount => {
  const heard = new Map<string, number>()
  const said = new Map<unknown, number>()

  const hear = (person: string, hops: number): void => {
    heard.set(person, Math.max(heard.get(person) ?? 0, hops))
  }

  const between: HopCount["between"] = (person, other) => () => {
    const live = new Set<unknown>()
    return {
      onClient: (frame) => {
        const [type, subject] = frame
        if (type === "EVENT" && !said.has(idOf(subject))) {
          const hops = (heard.get(person) ?? 0) + 1
          said.set(idOf(subject), hops)
          if (other !== undefined) hear(other, hops)
        }
        return [{ _tag: "Forward", frame }]
      },
      onRelay: (frame) => {
        const [type, subscription, event] = frame
        if (type === "EOSE") live.add(subscription)
        if (type === "EVENT" && live.has(subscription)) {
          if (other !== undefined && !said.has(idOf(event)))
            said.set(idOf(event), (heard.get(other) ?? 0) + 1)
          hear(person, said.get(idOf(event)) ?? 0)
        }
        return [{ _tag: "Forward", frame }]
      }
    }
  }

  return {
    between,
    take: (person) => {
      const hops = heard.get(person) ?? 0
      heard.clear()
      said.clear()
      return hops
    }
  }
}

const idOf = (event: unknown): unknown =>
  typeof event === "object" && event !== null && "id" in event ? event.id : undefined
