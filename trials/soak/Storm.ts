/** Many purchases by many customers, while everything goes wrong that the seed decides. */
import { Settlement } from "@farthing/protocol"
import { Array as Arr, Data, Effect } from "effect"
import type * as Books from "../books/Books.ts"
import type * as Task from "../processes/Task.ts"
import * as Town from "../processes/Town.ts"
import * as OtherRelay from "../src/OtherRelay.ts"
import * as Fate from "./Fate.ts"
import type { Tally } from "./Tally.ts"

export interface Options {
  /** An existing folder for the books. */
  readonly folder: string
  /** The folder of the bundled processes. */
  readonly bundle: string
  readonly purchases: number
  readonly seed: number
  /** How much longer than in an idle machine people wait. */
  readonly patience: number
  readonly tally: Tally
}

/** What everybody's books say when the storm is over, and what customers find wrong with theirs. */
export interface Aftermath {
  readonly books: Books.Books
  readonly findings: ReadonlyArray<string>
}

/** Each customer buys so much, and then another one comes. */
const purchasesEach = 100

/** How many customers are there at once, and how much each buys at once. */
const customersAtOnce = 3
const purchasesAtOnce = 4

/** In hours: what was locked by then is taken, or back. */
const longestLock = 48

export const ride = Effect.fnUntraced(function* (options: Options) {
  const { bundle, folder, patience, purchases, seed, tally } = options
  const fate = Fate.make(seed)
  const wishes = Arr.chunksOf(
    Arr.makeBy(purchases, (at): Task.Purchase => wish(at)),
    purchasesEach
  ).map((purchases, at) => ({ name: `customer-${at + 1}`, purchases }))

  let relay: OtherRelay.OtherRelay | undefined
  const town = yield* Town.make({
    folder,
    bundle,
    customers: wishes.map(({ name }) => name),
    providers: { "provider-1": "fickle", "provider-2": "fickle", "provider-3": "fickle" },
    patience,
    lot: String(seed),
    way: (url) =>
      Effect.map(OtherRelay.make(url, OtherRelay.of(fate.misbehaviour)), (bad) => {
        relay = bad
        return bad.url
      }),
    fate: (name) => Effect.sync(() => fate.doomOf(name)),
    onLine: tally.hear
  })

  /** What came to nothing is not asked for again; what was delivered is, and must cost nothing. */
  const isWanted = ({ id }: Task.Purchase): boolean =>
    (tally.ended.get(id) ?? "delivered") === "delivered"

  /** One life after the other, until one has come to the end of its purchases. */
  const live = (name: string, purchases: ReadonlyArray<Task.Purchase>) =>
    Effect.suspend(() => lifeOf(town, name, purchases.filter(isWanted), fate.doomOf(name))).pipe(
      Effect.repeat({ while: (findings) => findings === undefined })
    )

  yield* Effect.forEach(wishes, ({ name, purchases }) => live(name, purchases), {
    concurrency: customersAtOnce,
    discard: true
  })
  if (relay !== undefined) yield* relay.behave(OtherRelay.honest)
  yield* town.pass(longestLock)
  const findings = yield* Effect.forEach(wishes, ({ name }) => lookAgain(town, name), {
    concurrency: customersAtOnce
  })
  const books = yield* town.books
  return { books, findings: findings.flat() } satisfies Aftermath
}, Effect.scoped)

const wish = (at: number): Task.Purchase => ({
  id: `purchase-${at + 1}`,
  prompt: `What was a farthing worth in the year ${1_000 + at}?`,
  stream: at % 2 === 1,
  settlement: modes[at % modes.length] ?? "upfront"
})

const modes = Settlement.Settlement.literals

/** When all is calm, everybody takes up what was left. */
const lookAgain = (town: Town.Town, name: string) =>
  Effect.map(lifeOf(town, name, [], undefined), (findings) =>
    (findings ?? ["it died when nobody was to die"]).map((finding) => `${name}: ${finding}`)
  )

/** What a customer finds wrong with its ledger at its end; undefined if it died before. */
const lifeOf = (
  town: Town.Town,
  name: string,
  purchases: ReadonlyArray<Task.Purchase>,
  doom: Task.Customer["doom"]
) =>
  Effect.gen(function* () {
    const customer = yield* town.customer(name, {
      purchases,
      atOnce: purchasesAtOnce,
      ...(doom === undefined ? {} : { doom })
    })
    const { complaint, signal } = yield* customer.end
    const done = customer.said.find((line) => line._tag === "Done")
    if (signal === null && done === undefined)
      return yield* new Stuck({ message: `${name} failed: ${complaint}` })
    return done?.findings
  }).pipe(Effect.scoped)

/** The trial itself could not be played. */
export class Stuck extends Data.TaggedError("Stuck")<{ readonly message: string }> {}
