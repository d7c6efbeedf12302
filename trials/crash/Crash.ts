/**
 * One crash: a purchase in which somebody dies at a point, is started again and recovers, until
 * the books of everybody agree; or not.
 */
import { Data, Deferred, Effect, Schedule } from "effect"
import type { Scope } from "effect"
import { join } from "node:path"
import * as Agreement from "../books/Agreement.ts"
import * as Books from "../books/Books.ts"
import type * as Process from "../processes/Process.ts"
import { type Kind, kinds, type Point } from "./Points.ts"
import * as Scene from "./Scene.ts"

export interface Verdict {
  /** Whether the point was reached, so that somebody died. */
  readonly struck: boolean
  /** What became of the purchase, in words. */
  readonly outcome: string
  /** Empty where all books agree. */
  readonly disagreements: ReadonlyArray<string>
  readonly passed: Readonly<Record<Process.Name, ReadonlyArray<string>>>
}

/** How often the customer looks again before the books have to agree. */
const mostRuns = 4

/** For a provider to come to its end with what was paid. */
const sellersPatience = "25 seconds"

export const play = Effect.fnUntraced(function* (scene: Scene.Scene, kind: Kind, point?: Point) {
  const { backend, stream } = kinds[kind]
  const lines = { customer: [], provider: [], market: [] } as Record<Process.Name, Array<string>>
  let struck = false
  const hear = (process: Process.Process): void => {
    for (const line of process.said) {
      if (line._tag === "Point") lines[process.name].push(line.name)
      if (line._tag === "Killed") struck = true
    }
  }
  /** The doom for the first life of a process; a victim other than itself by its pid. */
  const doomOf = (watched: Process.Name, market: Process.Process) =>
    point === undefined || point.watched !== watched
      ? {}
      : { doom: { at: point.at, ...(point.victim === "market" ? { pid: market.pid } : {}) } }

  const market = yield* keepAlive(() => scene.market, hear)
  const opened = yield* market.alive
  const provider = yield* keepAlive(
    (life) =>
      scene.provider({ backend, tells: true, ...(life === 1 ? doomOf("provider", opened) : {}) }),
    hear
  )
  const seller = yield* provider.alive
  const { provider: only = "" } = yield* seller.ready

  const buy = Effect.fnUntraced(function* (run: number) {
    const customer = yield* scene.customer({
      purchases: [{ id: "one", prompt: "What is a farthing?", stream }],
      provider: only,
      tells: true,
      ...(run === 1 ? doomOf("customer", opened) : {})
    })
    if (run === 1 && point?.watched === "market")
      yield* opened.tell({
        at: point.at,
        pid: pidOf(point, { customer, market: opened, provider: seller })
      })
    const end = yield* customer.end
    hear(customer)
    const done = customer.said.find((line) => line._tag === "Done")
    if (end.signal === null && done === undefined)
      return yield* new Stuck({ message: `the customer failed: ${end.complaint}` })
    return done?.findings
  })

  let disagreements: ReadonlyArray<string> = []
  let books: Books.Books | undefined
  for (let run = 1; run <= mostRuns; run++) {
    const findings = yield* buy(run)
    if (findings === undefined) continue
    books = yield* atRest(scene)
    disagreements = [...findings, ...Agreement.disagreements(books)]
    if (disagreements.length === 0) break
  }
  for (const process of [yield* market.alive, yield* provider.alive]) hear(process)
  return {
    struck: struck || point === undefined,
    outcome: books === undefined ? "never ended" : outcomeOf(books),
    disagreements,
    passed: lines
  } satisfies Verdict
}, Effect.scoped)

const pidOf = (
  { victim }: Point,
  processes: Readonly<Record<Process.Name, Process.Process>>
): number => processes[victim].pid

/** Starts a process again whenever it dies; `alive` waits for the one that lives. */
const keepAlive = Effect.fnUntraced(function* (
  start: (life: number) => Effect.Effect<Process.Process, never, Scope.Scope>,
  hear: (process: Process.Process) => void
) {
  let living = yield* Deferred.make<Process.Process>()
  let life = 0
  yield* Effect.gen(function* () {
    const process = yield* start(++life)
    const next = yield* Deferred.make<Process.Process>()
    yield* Effect.ignore(Effect.andThen(process.ready, Deferred.succeed(living, process)))
    yield* process.end
    if (yield* Deferred.isDone(living)) living = next
    hear(process)
  }).pipe(Effect.scoped, Effect.forever, Effect.forkScoped)
  const alive: Effect.Effect<Process.Process> = Effect.suspend(() => Deferred.await(living))
  return { alive }
})

/** The books once the provider has come to its end with everything that was paid. */
const atRest = (scene: Scene.Scene) =>
  read(scene).pipe(
    Effect.repeat({
      while: Agreement.sellersAreBusy,
      schedule: Schedule.spaced("50 millis")
    }),
    Effect.timeoutOrElse({ duration: sellersPatience, orElse: () => read(scene) })
  )

const read = ({ folder }: Scene.Scene) =>
  Books.read({
    opening: Scene.opening,
    bank: join(folder, "market", "bank.db"),
    people: {
      customer: join(folder, "customer", "farthing.db"),
      provider: join(folder, "provider", "farthing.db")
    }
  })

/** What became of the one purchase: its jobs in order, and how often it was paid. */
const outcomeOf = ({ people }: Books.Books): string => {
  const jobs = people.flatMap(({ jobs }) => jobs.map(({ state }) => state))
  const paid = people.flatMap(({ jobs, spends }) =>
    spends.filter(
      ({ payment_hash, state }) =>
        state === "settled" && jobs.some((job) => job.payment_hash === payment_hash)
    )
  )
  return `${jobs.join(", then ") || "not begun"}; paid ${paid.length === 1 ? "once" : `${paid.length} times`}`
}

/** The trial itself could not be played. */
export class Stuck extends Data.TaggedError("Stuck")<{ readonly message: string }> {}
