/** What one misbehaving relay can do to a purchase for which there is no other. */
import { assert, layer } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Context, Effect, Layer, Random, Result } from "effect"
import * as OtherRelay from "../src/OtherRelay.ts"
import * as Books from "../src/Books.ts"
import * as Misbehaviour from "../src/Misbehaviour.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

const price = Msat.make(7_003)
const budget = Msat.make(100_000)

/** What of a relay's misbehaviour a purchase bears, however long it takes. */
const borne: Partial<Record<Misbehaviour.Name, string>> = {
  reorders: "lets messages overtake each other delivers all the same",
  duplicates: "repeats every message buys once",
  delays: "holds everything up takes longer, no more",
  withholdsEose: "never says that it has sent all delivers all the same",
  withholdsOk: "never says whether it took an event is asked for it, and buys once",
  mixesUp: "sends events that nobody asked for is not listened to where it does",
  forgesContents: "puts another content under a genuine id does not hide the genuine event",
  forgesIds: "sends events under wrong ids does not hide the genuine ones",
  forgesSignatures: "sends events with wrong signatures does not hide the genuine ones",
  babbles: "sends garbage, deep nesting and binary frames does no harm",
  shouts: "sends messages of nine megabytes is left, and dialled again",
  limitsRateAtFirst: "limits the rate for a moment is asked again"
}

/** What ends a purchase, or may end it: typed, and with books that tell the truth. */
const ending: Partial<Record<Misbehaviour.Name, string>> = {
  drops: "loses every third message loses no money, and no result that was paid",
  breaks: "resets the connection in mid-frame loses no money, and no result that was paid",
  onlyForges: "sends nothing genuine ends with a typed error, unpaid",
  interrogates: "asks for one proof of identity after the other ends with a typed error, unpaid",
  forgetsWhoAsks: "accepts every proof and forgets it ends with a typed error, unpaid",
  limitsRate: "always limits the rate ends with a typed error, unpaid",
  swallows: "takes everything and passes nothing on ends with a typed error, unpaid",
  denies: "refuses every event and passes it on ends with a typed error, unpaid",
  keepsSilent: "reads and says nothing ends with a typed error, unpaid"
}

/** For what comes in the end, on a busy machine too. */
const patience = {
  FARTHING_COMPUTE_DISCOVERY_TIMEOUT: "1 minute",
  FARTHING_COMPUTE_QUOTE_TIMEOUT: "1 minute"
}

const haste = { FARTHING_COMPUTE_DISCOVERY_TIMEOUT: "1 millis" }

/** For what may never come. */
const impatience = {
  FARTHING_COMPUTE_DISCOVERY_TIMEOUT: "1 second",
  FARTHING_COMPUTE_QUOTE_TIMEOUT: "2 seconds",
  FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "2 seconds",
  FARTHING_COMPUTE_IDLE_TIMEOUT: "2 seconds"
}

/** How a purchase over bad relays in a row ended, and what was left to do once they were good. */
const buy = Effect.fnUntraced(function* (
  place: Stage.Place,
  row: ReadonlyArray<Misbehaviour.Name>,
  environment: People.Environment
) {
  const relays: Array<OtherRelay.OtherRelay> = []
  for (const name of row)
    relays.push(
      yield* OtherRelay.make(
        relays.at(-1)?.url ?? place.urls[0]!,
        OtherRelay.of(Misbehaviour.all[name])
      )
    )
  const urls = [relays.at(-1)!.url]
  const customer = yield* People.customer({ ...place, urls }, { environment })
  const result = yield* Effect.result(
    customer.client.requestInference({ prompt: `Over ${row.join(", ")}.`, budget })
  )
  const books = yield* Books.of(customer)
  yield* Effect.forEach(relays, (relay) => relay.behave(OtherRelay.honest))
  yield* customer.client.recover
  const jobs = yield* customer.client.jobs()
  return { result, books, after: yield* Books.of(customer), jobs }
}, Effect.scoped)

type Outcome = Effect.Success<ReturnType<typeof buy>>

class Outcomes extends Context.Service<
  Outcomes,
  {
    readonly of: (name: Misbehaviour.Name) => Outcome
    /** By a customer who gives nobody time, over a relay that never says that it has sent all. */
    readonly hasty: Outcome
    readonly ofRows: ReadonlyArray<readonly [ReadonlyArray<Misbehaviour.Name>, Outcome]>
  }
>()("@farthing/trials/relays/Outcomes") {}

/** So many rows of relays, drawn anew each time; the seed makes them the same again. */
const rows = Effect.gen(function* () {
  const drawn = Effect.map(Random.shuffle(Misbehaviour.names), (names) => names.slice(0, 3))
  return yield* Effect.replicateEffect(drawn, 8)
}).pipe(Random.withSeed("relays in a row"))

/** Many at once, because most of it is waiting. */
const outcomes = Layer.effect(
  Outcomes,
  Effect.gen(function* () {
    const place = yield* Stage.place()
    yield* People.seller(place, { offer: { priceMsats: price } })
    const single = Effect.forEach(
      // Those that say least take longest.
      Misbehaviour.names.toReversed(),
      (name) =>
        Effect.map(
          buy(place, [name], name in borne ? patience : impatience),
          (outcome) => [name, outcome] as const
        ),
      { concurrency: 12 }
    )
    const combined = Effect.forEach(
      yield* rows,
      (row) => Effect.map(buy(place, row, impatience), (outcome) => [row, outcome] as const),
      { concurrency: 4 }
    )
    const inHaste = buy(place, ["withholdsEose"], { ...patience, ...haste })
    const [singles, ofRows, hasty] = yield* Effect.all([single, combined, inHaste], {
      concurrency: "unbounded"
    })
    const byName = new Map(singles)
    return { of: (name) => byName.get(name)!, ofRows, hasty }
  })
).pipe(Layer.provideMerge(Stage.layer))

/** Nothing was paid, or one result; and what was paid for is there at last. */
const isTrue = ({ after, books, jobs, result }: Outcome): void => {
  assert.deepStrictEqual(books, books.gone === 0 ? Books.untouched : Books.paid(price))
  assert.deepStrictEqual(after, books)
  assert.strictEqual(
    jobs.filter(({ state }) => state === "delivered").length,
    books.gone === 0 ? 0 : 1
  )
  if (Result.isSuccess(result)) assert.deepStrictEqual(books, Books.paid(price))
  else if ("cost" in result.failure) assert.strictEqual(result.failure.cost, books.gone)
  else assert.deepStrictEqual(books, Books.untouched)
}

layer(outcomes, { excludeTestServices: true, timeout: "2 minutes" })(
  "a purchase over a relay that",
  (it) => {
    for (const [name, title] of Object.entries(borne))
      it.effect(title, () =>
        Effect.gen(function* () {
          const outcome = (yield* Outcomes).of(name as Misbehaviour.Name)
          if (Result.isFailure(outcome.result)) assert.fail(outcome.result.failure.message)
          isTrue(outcome)
        })
      )

    for (const [name, title] of Object.entries(ending))
      it.effect(title, () =>
        Effect.gen(function* () {
          const outcome = (yield* Outcomes).of(name as Misbehaviour.Name)
          isTrue(outcome)
          if (title.endsWith("unpaid")) {
            assert.strictEqual(Result.isFailure(outcome.result), true)
            assert.deepStrictEqual(outcome.books, Books.untouched)
          }
        })
      )

    it.effect("never says that it has sent all is heard, though it comes late", () =>
      Effect.gen(function* () {
        const { hasty } = yield* Outcomes
        if (Result.isFailure(hasty.result)) assert.fail(hasty.result.failure.message)
        isTrue(hasty)
      })
    )

    it.effect("misbehaves in several ways at once leaves true books", () =>
      Effect.gen(function* () {
        const { ofRows } = yield* Outcomes
        assert.lengthOf(ofRows, 8)
        for (const [, outcome] of ofRows) isTrue(outcome)
      })
    )
  }
)
