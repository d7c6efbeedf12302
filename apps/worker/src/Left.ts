/** What waits for the worker when it ends: it stands in the books, and the next start takes it up. */
import { ProviderBook } from "@farthing/provider"
import type { JobState } from "@farthing/provider/Job"
import { Signer } from "@farthing/relay"
import { Effect, Schema } from "effect"
import { Fleet } from "./Fleet.ts"

export const Left = Schema.Struct({
  /** That are paid, or whose money is locked, and that wait for us. */
  jobs: Schema.Int,
  /** Of agents, that have begun. */
  ticks: Schema.Int
})
export interface Left extends Schema.Schema.Type<typeof Left> {}

export const nothing: Left = { jobs: 0, ticks: 0 }

export const isNothing = ({ jobs, ticks }: Left): boolean => jobs + ticks === 0

export const find = Effect.gen(function* () {
  const book = yield* ProviderBook.ProviderBook
  const { publicKey } = yield* Signer.Signer
  const counts = yield* book.counts(publicKey)
  const jobs = counts
    .filter(({ state }) => isOurTurn.has(state))
    .reduce((sum, { jobs }) => sum + jobs, 0)
  return { jobs, ticks: yield* (yield* Fleet).ticking } satisfies Left
})

const isOurTurn: ReadonlySet<JobState> = new Set([
  "paid",
  "running",
  "answered",
  "claiming",
  "returning"
])

/** A sentence; jobs are told even where there are none. */
export const inTheBooks = ({ jobs, ticks }: Left): string => {
  const parts = [
    ...(jobs > 0 || ticks === 0 ? [many(jobs, "paid job")] : []),
    ...(ticks > 0 ? [many(ticks, "tick")] : [])
  ]
  const isOne = parts.length === 1 && jobs + ticks === 1
  return `${parts.join(" and ")} ${isOne ? "is" : "are"} left in the books, and taken up on the next start`
}

const many = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`
