/** A tracer that adds up in this process how long the spans of each name take. */
import { type Exit, Tracer } from "effect"
import type { Spans } from "./Workload.ts"

export interface Collector {
  readonly tracer: Tracer.Tracer
  /** Milliseconds by name, of the spans that have ended since the last call. */
  readonly take: () => Spans
}

export const collector = (): Collector => {
  let sums = new Map<string, number>()

  class Summed extends Tracer.NativeSpan {
    override end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
      super.end(endTime, exit)
      const millis = Number(endTime - this.startTime) / 1e6
      sums.set(this.name, (sums.get(this.name) ?? 0) + millis)
    }
  }

  return {
    tracer: Tracer.make({ span: (options) => new Summed(options) }),
    take: () => {
      const taken = Object.fromEntries(sums)
      sums = new Map()
      return taken
    }
  }
}
