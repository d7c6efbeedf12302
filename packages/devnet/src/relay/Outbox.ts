/** Gathers what is said in one turn, so that it leaves in one write a connection. */
import type { Writable } from "node:stream"

export interface Outbox {
  /** What is written to the stream from now on waits for the flush. */
  readonly gather: (stream: Writable) => void
  readonly flush: () => void
}

export const make = (): Outbox => {
  const gathered = new Set<Writable>()
  return {
    gather: (stream) => {
      if (gathered.has(stream)) return
      gathered.add(stream)
      stream.cork()
    },
    flush: () => {
      for (const stream of gathered) stream.uncork()
      gathered.clear()
    }
  }
}
