/** Puts a workload on customers, whoever they are, and watches the clock. */
import { Effect, Ref } from "effect"
import { mean, median, quantile } from "./Statistics.ts"
import { timed } from "./Stopwatch.ts"
import { answerTo, type Performance, type Workload } from "./Workload.ts"

export type Buy<E, R> = (prompt: string) => Effect.Effect<string, E, R>

export interface Options<E, R> {
  readonly workload: Workload
  readonly customers: ReadonlyArray<Buy<E, R>>
  /** Runs between those that warm up and those that count. */
  readonly onWarm: Effect.Effect<void>
}

export const run = Effect.fnUntraced(function* <E, R>({
  customers,
  onWarm,
  workload: { concurrency, jobs, warmUp }
}: Options<E, R>) {
  const round = Effect.fnUntraced(function* (name: string, count: number) {
    const millis: Array<number> = []
    const next = yield* Ref.make(0)
    const purchase = Effect.fnUntraced(function* (buy: Buy<E, R>, job: number) {
      const prompt = `${name} ${job}`
      const { result, wall } = yield* timed(buy(prompt))
      if (result !== answerTo(prompt)) return yield* Effect.die(`a wrong answer: ${result}`)
      millis.push(wall * 1_000)
    })
    const buyer = Effect.fnUntraced(function* (buy: Buy<E, R>) {
      while (true) {
        const job = yield* Ref.getAndUpdate(next, (job) => job + 1)
        if (job >= count) return
        yield* purchase(buy, job)
      }
    })
    const buyers = customers.flatMap((buy) => Array.from({ length: concurrency }, () => buyer(buy)))
    yield* Effect.all(buyers, { concurrency: "unbounded", discard: true })
    return millis
  })

  yield* round("warm up", warmUp)
  yield* onWarm
  const { cpu, result: millis, wall } = yield* timed(round("prompt", jobs))
  return {
    p50: median(millis),
    p99: quantile(millis, 0.99),
    mean: mean(millis),
    jobsPerSecond: jobs / wall,
    cpuMillisPerJob: (cpu * 1_000) / jobs
  } satisfies Performance
})
