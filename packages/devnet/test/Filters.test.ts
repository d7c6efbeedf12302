/** The two places where the relay does better than to compare everything, against comparing. */
import { assert, describe, it } from "@effect/vitest"
import * as EventStore from "@farthing/devnet/relay/EventStore"
import * as Subscriptions from "@farthing/devnet/relay/Subscriptions"
import { Filter, NostrEvent } from "@farthing/protocol"
import { Effect, Result, Schema } from "effect"

/** Few values, so that filters and events meet. */
const keys = ["a", "b", "c"].map((digit) => digit.repeat(64))
const Pubkey = Schema.Literals(keys)
const Id = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 }))
const Kind = Schema.Literals([1, 42, 1_000])
const Time = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 6 }))
const Value = Schema.Literals(["x", "y", "z"])
const Name = Schema.Literals(["e", "p", "t"])

const some = <S extends Schema.Top>(item: S) =>
  Schema.optionalKey(Schema.Array(item).check(Schema.isMaxLength(3)))

const RandomFilter = Schema.Struct({
  numbers: some(Id),
  authors: some(Pubkey),
  kinds: some(Kind),
  since: Schema.optionalKey(Time),
  until: Schema.optionalKey(Time),
  limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 }))),
  "#e": some(Value),
  "#p": some(Value),
  "#t": some(Value)
})

const RandomEvent = Schema.Struct({
  number: Id,
  pubkey: Pubkey,
  kind: Kind,
  created_at: Time,
  tags: Schema.Array(Schema.Tuple([Name, Value])).check(Schema.isMaxLength(4))
})

const Filters = Schema.Array(RandomFilter).check(Schema.isMinLength(1), Schema.isMaxLength(4))
const Events = Schema.Array(RandomEvent).check(Schema.isMaxLength(30))

const idOf = (number: number) => number.toString(16).padStart(64, "0")

const toFilter = ({ numbers, ...rest }: typeof RandomFilter.Type): Filter.Filter =>
  numbers === undefined ? rest : { ...rest, ids: numbers.map(idOf) }

/** Neither store nor subscriptions look at signatures. */
const toEvent = ({ number, ...rest }: typeof RandomEvent.Type): NostrEvent.NostrEvent =>
  Result.getOrThrow(
    NostrEvent.decode({ ...rest, id: idOf(number), content: "", sig: "0".repeat(128) })
  )

const byNewest = (a: NostrEvent.NostrEvent, b: NostrEvent.NostrEvent) =>
  b.created_at - a.created_at || (a.id < b.id ? -1 : 1)

const distinct = (events: ReadonlyArray<NostrEvent.NostrEvent>) =>
  [...new Map(events.toReversed().map((event) => [event.id, event])).values()].toSorted(byNewest)

describe("stored events", () => {
  it.effect.prop(
    "a query finds what comparing every event with every filter finds, in order",
    [Filters, Events],
    ([randomFilters, randomEvents]) =>
      Effect.gen(function* () {
        const filters = randomFilters.map(toFilter)
        const events = randomEvents.map(toEvent)
        const store = yield* EventStore.open({ filename: ":memory:" })
        for (const event of events) store.put(event, JSON.stringify(event))
        store.commit(() => {})
        const found = store.query(filters, { now: 100, maxLimit: 4, defaultLimit: 3 })
        const kept = distinct(events)
        const wanted = filters.flatMap((filter) =>
          kept
            .filter((event) => Filter.matches(filter, event))
            .slice(0, Math.min(filter.limit ?? 3, 4))
        )
        assert.deepEqual(
          found.map(({ id }) => id),
          distinct(wanted).map(({ id }) => id)
        )
        const counted = distinct(kept.filter((event) => Filter.anyMatches(filters, event)))
        assert.strictEqual(store.count(filters, 100), counted.length)
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 100 } }
  )
})

describe("live events", () => {
  it.effect.prop(
    "reach each subscription that wants them once, and no other, as subscriptions come and go",
    [Schema.Array(Filters).check(Schema.isMaxLength(8)), Events],
    ([requests, randomEvents]) =>
      Effect.sync(() => {
        const subscriptions = Subscriptions.make<number>()
        const open = new Map<string, ReadonlyArray<Filter.Filter>>()
        const events = randomEvents.map(toEvent)
        const check = () => {
          for (const event of events) {
            const reached: Array<string> = []
            subscriptions.forEachMatching(event, (owner, id) => reached.push(`${owner}:${id}`))
            const wanted = [...open].filter(([, filters]) => Filter.anyMatches(filters, event))
            assert.deepEqual(reached.toSorted(), wanted.map(([name]) => name).toSorted())
          }
        }
        requests.forEach((randomFilters, index) => {
          const [owner, id] = [index % 2, `s${index % 3}`]
          const filters = randomFilters.map(toFilter)
          subscriptions.open(owner, id, filters)
          open.set(`${owner}:${id}`, filters)
        })
        check()
        subscriptions.close(0, "s0")
        open.delete("0:s0")
        check()
        subscriptions.closeAll(1)
        for (const name of open.keys()) if (name.startsWith("1:")) open.delete(name)
        check()
      }),
    { arbitrary: { runs: 300 } }
  )
})
