/**
 * What has arrived for one subscription and waits for its consumer; checked as it is taken out, a
 * batch at a time. While relays send much that they had stored, another thread checks, and this
 * one reads on.
 */
import type { NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import type * as Verifier from "./Verifier.ts"

export interface Inbox {
  readonly add: (event: NostrEvent.NostrEvent, bytes: number) => void
  /** There is room for another page. */
  readonly hasRoom: () => boolean
  readonly isFull: () => boolean
  /** Nothing waits, and nothing is being checked. */
  readonly isEmpty: () => boolean
  /** The genuine ones of a batch; undefined if none is to be had now. */
  readonly take: () => Batch | undefined
}

export type Batch = ReadonlyArray<NostrEvent.NostrEvent>

export interface Options {
  readonly verifier: Verifier.Verifier
  /** How many may wait. */
  readonly capacity: number
  /** Whether relays are still sending what they had stored. */
  readonly isFilling: () => boolean
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly onForged: () => void
  /** What was checked elsewhere can be taken. */
  readonly onChecked: () => void
}

/** What may wait, in frame bytes; small events count by number. */
const mostBytes = 16 * 1024 * 1024

/** So many are checked and handed on at once; then it is others' turn. */
const mostAtOnce = 256

/** So many batches lie before the other thread: it need not wait for this one. */
const mostChecking = 4

/** Another thread is not worth its start for fewer. */
const leastForThread = 2_048

/** While so much of it is filled another page is asked for, and the other thread keeps up. */
const roomForPage = 1 / 8
const keptUp = 1 / 2

export const make = (options: Options): Inbox => {
  const { capacity, fork, isFilling, onChecked, onForged, verifier } = options
  let waiting: Array<NostrEvent.NostrEvent> = []
  let bytes = 0
  /** How many were taken out so far. */
  let taken = 0
  /** Batches that the other thread has, and those that it has checked. */
  let checking = 0
  let checked: ReadonlyArray<Batch> = []

  const isBelow = (share: number): boolean =>
    waiting.length < capacity * share && bytes < mostBytes * share

  const nextBatch = (): Batch => {
    const batch = waiting.slice(0, mostAtOnce)
    bytes -= bytes * (batch.length / waiting.length)
    waiting = waiting.slice(mostAtOnce)
    taken += batch.length
    return batch
  }

  /** Counts those that are not among the genuine ones. */
  const judged = (batch: Batch, genuine: Batch): Batch => {
    for (let forged = batch.length - genuine.length; forged > 0; forged--) onForged()
    return genuine
  }

  const checkElsewhere = (): void => {
    while (waiting.length > 0 && checking < mostChecking) {
      checking++
      const batch = nextBatch()
      fork(
        Effect.map(verifier.genuineOf(batch), (genuine) => {
          checking--
          checked = [...checked, judged(batch, genuine)]
          onChecked()
        })
      )
    }
  }

  return {
    add: (event, its) => {
      waiting.push(event)
      bytes += its
    },
    hasRoom: () => isBelow(roomForPage),
    isFull: () => !isBelow(1),
    isEmpty: () => waiting.length === 0 && checking === 0 && checked.length === 0,
    take: () => {
      if (isFilling() && taken >= leastForThread) checkElsewhere()
      const [ready, ...others] = checked
      checked = others
      if (ready !== undefined) return ready
      // Where the other thread does not keep up, this one helps.
      if (waiting.length === 0 || (checking > 0 && isBelow(keptUp))) return undefined
      const batch = nextBatch()
      return judged(batch, batch.filter(verifier.isGenuine))
    }
  }
}
