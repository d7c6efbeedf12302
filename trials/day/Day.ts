/**
 * A day of a provider as a service: customers come and go, relay, backend and wallet go away and
 * come back, the worker itself is stopped and started again. In the end everybody comes once more
 * for what is still open, and all books are laid side by side.
 */
import { Clock, Effect, Option } from "effect"
import * as Agreement from "../books/Agreement.ts"
import * as DayClock from "./DayClock.ts"
import * as Shop from "./Shop.ts"
import * as Shopping from "./Shopping.ts"
import type * as Switch from "./Switch.ts"
import * as Timetable from "./Timetable.ts"
import * as Town from "./Town.ts"
import * as Witness from "./Witness.ts"

export interface Options extends Timetable.Options {
  /** An existing folder for the books. */
  readonly folder: string
  /** Real milliseconds a second of the day. */
  readonly pace: number
  readonly onLine?: (line: string) => void
  /** Once an hour of the day. */
  readonly onHour?: (hour: number, evening: Evening) => Effect.Effect<void>
}

/** What is known of the day so far. */
export interface Evening {
  /** What came of the purchases: how many were delivered, and which errors there were. */
  readonly outcomes: ReadonlyMap<string, number>
  /** How often what the worker said was true. */
  readonly agreed: Readonly<Record<string, number>>
  /** What it said that was not. */
  readonly findings: ReadonlyArray<string>
}

export interface Night extends Evening {
  /** Where the books contradict each other. */
  readonly disagreements: ReadonlyArray<string>
  readonly jobs: ReadonlyMap<string, number>
}

/** Seconds of the day between two looks. */
const lookEvery = "20 seconds"

/** For what is still open in the evening. */
const comeAgainFor = "6 hours"

export const play = Effect.fnUntraced(function* (options: Options) {
  const clock = yield* DayClock.make(options)
  return yield* Effect.provideService(day(options), Clock.Clock, clock)
}, Effect.scoped)

const day = Effect.fnUntraced(function* (options: Options) {
  const { folder, onHour, onLine = () => {} } = options
  const happenings = Timetable.make(options)
  const customers = Array.from({ length: options.customers }, (_, at) => Timetable.nameOf(at))
  const town = yield* Town.make({ folder, customers })
  const began = yield* Clock.currentTimeMillis
  const outcomes = new Map<string, number>()
  let watched: Witness.Watched | undefined
  let shop: Shop.Shop | undefined
  let witness: Witness.Witness | undefined

  const openShop = Effect.gen(function* () {
    const since = yield* Clock.currentTimeMillis
    const before = witness?.sales() ?? new Map()
    shop = yield* Shop.open(town.environmentOf(Town.provider), onLine)
    watched = { url: shop.url, since, before }
  })

  const closeShop = Effect.suspend(() => {
    watched = undefined
    return shop?.stop ?? Effect.void
  })

  yield* openShop
  const looking = yield* Witness.make({
    town,
    bank: `${folder}/bank.db`,
    book: town.databaseOf(Town.provider),
    watched: () => watched
  })
  witness = looking
  const evening = (): Evening => ({
    outcomes,
    agreed: looking.agreed(),
    findings: looking.findings()
  })

  const away = (thing: Switch.Switch, seconds: number) =>
    thing.down.pipe(Effect.andThen(Effect.sleep(seconds * 1_000)), Effect.andThen(thing.up))

  const happen = Effect.fnUntraced(function* (happening: Timetable.Happening) {
    switch (happening._tag) {
      case "Purchase": {
        const outcome = yield* Shopping.buy(town.environmentOf(happening.customer), happening.id)
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        return
      }
      case "Outage":
        return yield* away(town[happening.of], happening.seconds)
      case "Restart":
        return yield* Effect.andThen(closeShop, openShop)
    }
  })

  const inItsTime = Effect.fnUntraced(function* (happening: Timetable.Happening) {
    const now = yield* Clock.currentTimeMillis
    yield* Effect.sleep(Math.max(0, began + happening.at * 1_000 - now))
    yield* happen(happening)
  })

  yield* Effect.forkScoped(
    looking.look.pipe(Effect.andThen(Effect.sleep(lookEvery)), Effect.forever)
  )
  if (onHour !== undefined) {
    let hour = 0
    yield* Effect.sleep("1 hour").pipe(
      Effect.andThen(Effect.suspend(() => onHour(++hour, evening()))),
      Effect.forever,
      Effect.forkScoped
    )
  }
  yield* Effect.forEach(happenings, inItsTime, { concurrency: "unbounded", discard: true })

  const isAtRest = Effect.map(
    town.books,
    (books) => !Agreement.sellersAreBusy(books) && Agreement.disagreements(books).length === 0
  )
  const comeAgain = Effect.forEach(
    customers,
    (customer) => Shopping.takeUp(town.environmentOf(customer)),
    { concurrency: 8, discard: true }
  )
  yield* Effect.forEach([town.relay, town.wallet, town.backend], ({ up }) => up)
  yield* isAtRest.pipe(
    Effect.tap((rests) =>
      rests ? Effect.void : Effect.andThen(comeAgain, Effect.sleep("1 minute"))
    ),
    Effect.repeat({ until: (rests) => rests }),
    Effect.timeoutOption(comeAgainFor),
    Effect.map(Option.isSome)
  )
  yield* closeShop
  const books = yield* town.books
  const jobs = new Map<string, number>()
  for (const { jobs: theirs } of books.people)
    for (const { state } of theirs) jobs.set(state, (jobs.get(state) ?? 0) + 1)
  return { ...evening(), jobs, disagreements: Agreement.disagreements(books) } satisfies Night
})
