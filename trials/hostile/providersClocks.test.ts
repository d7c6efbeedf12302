/** Clocks that are an hour off, the provider's and our own: nothing is paid by mistake. */
import { assert, layer } from "@effect/vitest"
import { Clock, Effect, Option } from "effect"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import * as Peer from "../src/Peer.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

const hour = 3_600

/** Relays that take events of any date. */
const lenient = { createdAtAhead: 2 * hour }

/** On a machine whose clock is off by so many seconds. */
const withClockOff = (seconds: number) =>
  Effect.updateService(Clock.Clock, (clock): Clock.Clock => {
    const millis = seconds * 1_000
    const nanos = BigInt(millis) * 1_000_000n
    const changed: Partial<Clock.Clock> = {
      currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + millis,
      currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + millis),
      currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + nanos,
      currentTimeNanos: Effect.map(clock.currentTimeNanos, (now) => now + nanos)
    }
    return Object.assign(Object.create(clock), changed)
  })

const hasty = { FARTHING_COMPUTE_QUOTE_TIMEOUT: "1 second" }

layer(Stage.layer, { excludeTestServices: true })("clocks that are off", (it) => {
  it.effect("a provider whose clock is an hour ahead is bought from like any other", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place({ limits: lenient })
      const peer = yield* Peer.open(
        place,
        { name: "early", price, clockAhead: hour },
        Peer.honest(price)
      )
      const customer = yield* People.customer(place)
      assert.strictEqual((yield* Deal.buy(customer)).text, "an honest answer")
      assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
      assert.strictEqual(yield* Books.earned(peer.account), price)
    })
  )

  it.effect("a provider whose clock is an hour behind cannot be heard, and is not paid", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place({ limits: lenient })
      yield* Peer.open(
        place,
        { name: "late", price, clockAhead: -hour, announcement: { expiresAt: Option.none() } },
        (job) => job.invoice(price)
      )
      const customer = yield* People.customer(place, { environment: hasty })
      const error = yield* Effect.flip(Deal.buy(customer))
      assert(error._tag === "QuoteTimeout", error.message)
      assert.deepStrictEqual(yield* Books.of(customer), Books.untouched)
    })
  )

  it.effect("a customer whose own clock is an hour ahead is told so, and pays nothing", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place({ limits: lenient })
      yield* Peer.open(place, { name: "tern", price }, Peer.honest(price))
      const person = yield* People.person(place, { environment: hasty })
      const { customer, error } = yield* Effect.gen(function* () {
        const customer = yield* People.revive(person)
        return { customer, error: yield* Effect.flip(Deal.buy(customer)) }
      }).pipe(withClockOff(hour))
      assert(error._tag === "NoProviders", error.message)
      assert.include(error.message, "this machine's clock is fast")
      assert.deepStrictEqual(yield* Books.of(customer), Books.untouched)
    })
  )

  it.effect("a customer whose own clock is an hour behind is told so, and pays nothing", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place({ limits: lenient })
      const seller = yield* People.seller(place, { offer: { priceMsats: price } })
      const person = yield* People.person(place, { environment: hasty })
      const { customer, error } = yield* Effect.gen(function* () {
        const customer = yield* People.revive(person)
        return { customer, error: yield* Effect.flip(Deal.buy(customer)) }
      }).pipe(withClockOff(-hour))
      assert(error._tag === "QuoteTimeout", error.message)
      assert.include(error.message, "this machine's clock may be slow")
      assert.deepStrictEqual(yield* Books.of(customer), Books.untouched)
      assert.strictEqual(yield* Books.earned(seller.account), 0)
    })
  )
})
