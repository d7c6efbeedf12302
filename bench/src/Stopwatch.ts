/** Time as a benchmark counts it: on the wall, and on the processor. */
import { Effect } from "effect"

export interface Elapsed<A> {
  readonly result: A
  /** Seconds on the wall. */
  readonly wall: number
  /** Seconds that all threads of this process spent on a processor: neighbours do not count. */
  readonly cpu: number
}

const cpuSeconds = (since?: NodeJS.CpuUsage): number => {
  const { system, user } = process.cpuUsage(since)
  return (user + system) / 1e6
}

export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Elapsed<A>, E, R> =>
  Effect.suspend(() => {
    const cpu = process.cpuUsage()
    const start = performance.now()
    return Effect.map(effect, (result) => ({
      result,
      wall: (performance.now() - start) / 1_000,
      cpu: cpuSeconds(cpu)
    }))
  })

export const timedSync = <A>(body: () => A): Elapsed<A> => Effect.runSync(timed(Effect.sync(body)))
