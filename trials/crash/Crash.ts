/**
 * One crash: a purchase in which somebody dies at a point, is started again and recovers, until
 * the books of everybody agree; or not.
 */
import { Data, Effect } from "effect"
import * as Agreement from "../books/Agreement.ts"
import type * as Books from "../books/Books.ts"
import type * as Fuse from "../processes/Fuse.ts"
import type * as Process from "../processes/Process.ts"
import type { Town } from "../processes/Town.ts"
import * as Points from "./Points.ts"

export interface Verdict {
  /** What became of the purchase, in words. */
  readonly outcome: string
  /** Empty where all books agree. */
  readonly disagreements: ReadonlyArray<string>
}

/** In hours: nobody can take what was locked before. */
const longestLock = 48

/** It is not known to the bank, and may yet be for as long as a lock can last. */
const canOnlyWait =
  (kind: Points.Kind) =>
  ({ state }: Books.Spend): boolean =>
    state === "unknown" || (state === "held" && Points.locksReturn(kind))

/** How often the customer looks again before the books have to agree and something is bought. */
const mostRuns = 4

/** Buys once; with a point, somebody dies there. */
export const play = Effect.fnUntraced(function* (
  town: Town,
  purchase: string,
  kind: Points.Kind,
  point?: Points.Point
) {
  const pids = yield* doom(town, point)
  let wishes = [purchase]
  for (let run = 1; ; run++) {
    const findings = yield* Effect.scoped(
      buy(town, wishes, kind, run === 1 ? point : undefined, pids)
    )
    // Who died says nothing; it lives again at once.
    if (findings === undefined) continue
    const books = yield* town.books
    const disagreements = [...findings, ...Agreement.disagreements(books)]
    if (books.people.some(({ spends }) => spends.some(canOnlyWait(kind)))) {
      yield* town.pass(longestLock)
      // Whoever wishes for it again locks money again.
      if (Points.locksReturn(kind)) wishes = []
    }
    const isOver =
      disagreements.length === 0 &&
      (Points.comesToNothing(kind) ? isEnded(books, purchase) : isPaid(books, purchase))
    if (isOver || run >= mostRuns)
      return { outcome: outcomeOf(books, purchase), disagreements } satisfies Verdict
  }
})

type Pids = Readonly<Record<Exclude<Process.Name, "customer">, number>>

/** Lets points be counted from now on, and takes back what was to happen at one. */
const nothing: Fuse.Doom = { at: "nothing" }

/** Lays the doom where it has to be before the purchase begins. */
const doom = Effect.fnUntraced(function* (
  { market, operators, providers }: Town,
  point?: Points.Point
) {
  const bank = yield* market.alive
  const provider = yield* Effect.fromNullishOr(providers.get(Points.provider)).pipe(Effect.orDie)
  if (point?.watched === "provider" && !Points.isAlone(point))
    yield* provider.rebirth({
      at: point.at,
      ...(point.victim === "market" ? { pid: bank.pid } : {})
    })
  const seller = yield* provider.alive
  const pids: Pids = { market: bank.pid, provider: seller.pid }
  yield* bank.tell(
    point?.watched === "market" && point.victim !== "customer"
      ? { at: point.at, pid: pids[point.victim] }
      : nothing
  )
  operators?.arm(
    point?.watched === "operators" && point.victim !== "customer"
      ? { at: point.at, pid: pids[point.victim] }
      : nothing
  )
  return pids
})

/** What the customer finds wrong with its ledger in the end; undefined if it died before. */
const buy = Effect.fnUntraced(function* (
  town: Town,
  wishes: ReadonlyArray<string>,
  kind: Points.Kind,
  point: Points.Point | undefined,
  pids: Pids
) {
  const { settlement, stream } = Points.kinds[kind]
  const customer = yield* town.customer(Points.customer, {
    purchases: wishes.map((id) => ({ id, prompt: "What is a farthing?", stream, settlement })),
    atOnce: 1,
    locksReturn: Points.locksReturn(kind),
    ...(point?.watched === "customer"
      ? { doom: { at: point.at, ...(point.victim === "market" ? { pid: pids.market } : {}) } }
      : {})
  })
  if (point?.watched === "market" && point.victim === "customer")
    yield* Effect.flatMap(town.market.alive, ({ tell }) =>
      tell({ at: point.at, pid: customer.pid })
    )
  if (point?.watched === "operators" && point.victim === "customer")
    town.operators?.arm({ at: point.at, pid: customer.pid })
  const { complaint, signal } = yield* customer.end
  const done = customer.said.find((line) => line._tag === "Done")
  if (signal === null && done === undefined)
    return yield* new Stuck({ message: `the customer failed: ${complaint}` })
  return done?.findings
})

const paymentsOf = ({ people }: Books.Books, purchase: string): ReadonlyArray<Books.Spend> =>
  people.flatMap(({ spends }) =>
    spends.filter((spend) => spend.purchase === purchase && spend.state === "settled")
  )

const isPaid = (books: Books.Books, purchase: string): boolean =>
  paymentsOf(books, purchase).length > 0

/** Somebody was asked, and it came to something. */
const isEnded = ({ people }: Books.Books, purchase: string): boolean =>
  people.some(({ jobs }) => jobs.some((job) => job.purchase === purchase))

/** What became of a purchase: its jobs in order, and how often it was paid. */
const outcomeOf = (books: Books.Books, purchase: string): string => {
  const states = books.people
    .flatMap(({ jobs }) => jobs.filter((job) => job.purchase === purchase))
    .map(({ state }) => state)
  const times = paymentsOf(books, purchase).length
  return `${states.join(", then ") || "not begun"}; paid ${times === 1 ? "once" : `${times} times`}`
}

/** The trial itself could not be played. */
export class Stuck extends Data.TaggedError("Stuck")<{ readonly message: string }> {}
