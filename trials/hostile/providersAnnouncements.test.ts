/**
 * Announcements that are too large, too many, or not what they seem: an honest provider is still
 * found, and strangers get no more than strangers may.
 */
import { assert, layer } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Effect } from "effect"
import * as Books from "../src/Books.ts"
import * as Crowd from "../src/Crowd.ts"
import * as Deal from "../src/Deal.ts"
import * as GullibleRelay from "../src/GullibleRelay.ts"
import * as Peer from "../src/Peer.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

/** A market place with an honest provider, and a relay in front that takes anything. */
const open = Effect.gen(function* () {
  const relay = yield* GullibleRelay.make
  const place = yield* Stage.place({ others: [relay.url] })
  const honest = yield* Peer.open(place, { name: "tern", price }, Peer.honest(price))
  return { relay, place, honest }
})

layer(Stage.layer, { excludeTestServices: true })("announcements that mislead", (it) => {
  it.effect("an announcement of ten megabytes is not read, and hides nobody", () =>
    Effect.gen(function* () {
      const { honest, place, relay } = yield* open
      // The text stands there twice.
      for (const bytes of [5_000_000, 50_000]) {
        const [announcement] = yield* Crowd.gather(1, {
          about: "x".repeat(bytes),
          price: Msat.zero
        })
        yield* relay.tell(announcement!)
      }
      // A relay that sends what nobody can read is not waited for any longer than this.
      const customer = yield* People.customer(place, {
        environment: { FARTHING_COMPUTE_DISCOVERY_TIMEOUT: "1 second" }
      })
      const found = yield* customer.client.discoverProviders()
      assert.deepStrictEqual(
        found.map(({ pubkey }) => pubkey),
        [honest.pubkey]
      )
      assert.strictEqual((yield* Deal.buy(customer)).provider, honest.pubkey)
      assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
    })
  )

  it.effect("ten thousand announcements of strangers do not crowd out who has a record", () =>
    Effect.gen(function* () {
      const [calm, crowded] = [yield* GullibleRelay.make, yield* GullibleRelay.make]
      const place = yield* Stage.place()
      const honest = yield* Peer.make(place, { name: "tern", price })
      yield* honest.serve(Peer.honest(price))
      yield* calm.tell(yield* honest.announcement())
      const person = yield* People.person({ ...place, urls: [calm.url, ...place.urls] })
      yield* Deal.buy(yield* People.revive(person))

      for (const sybil of yield* Crowd.gather(10_001, { price: Msat.zero }))
        yield* crowded.tell(sybil)
      // In its next life the customer hears of the honest one last.
      yield* crowded.tell(yield* honest.announcement())
      const urls = [crowded.url, ...place.urls].join(",")
      const customer = yield* People.revive({
        ...person,
        environment: { ...person.environment, FARTHING_RELAYS_URLS: urls }
      })
      const found = yield* customer.client.discoverProviders("15 seconds")
      assert.isTrue(found.some(({ pubkey }) => pubkey === honest.pubkey))
      // A hundred keys with as many offers as one may have, and the honest one.
      assert.isAtMost(found.length, 100 * 64 + 1)
      const receipt = yield* Deal.buy(customer, { selection: { policy: "reliable" } })
      assert.strictEqual(receipt.provider, honest.pubkey)
      assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price, price))
    })
  )

  it.effect("providers that announce to cost nothing get nothing", () =>
    Effect.gen(function* () {
      const free = Msat.zero
      const { customer, peer, place } = yield* Deal.meet((job) => job.invoice(Msat.make(1)), {
        profile: { price: free }
      })
      yield* Effect.replicateEffect(
        Peer.open(place, { name: "free", price: free }, (job) => job.invoice(Msat.make(1))),
        4
      )
      const error = yield* Effect.flip(Deal.buy(customer))
      assert(error._tag === "InvoiceRejected", error.message)
      assert.strictEqual(error.reason, "above_price")
      assert.deepStrictEqual(yield* Books.of(customer), Books.untouched)
      // Each attempt marks one of them, and no purchase asks more than three.
      assert.lengthOf(yield* customer.client.jobs(), 3)
      assert.strictEqual(yield* Books.earned(peer.account), 0)
    })
  )

  it.effect("a provider that hides its price comes after all that name one", () =>
    Effect.gen(function* () {
      const { honest, place } = yield* open
      const secretive = yield* Peer.open(
        place,
        { name: "ask me" },
        Peer.honest(Msat.make(1), "for a song")
      )
      const customer = yield* People.customer(place)
      assert.lengthOf(yield* customer.client.discoverProviders(), 2)
      assert.strictEqual((yield* Deal.buy(customer)).provider, honest.pubkey)
      assert.lengthOf(secretive.requests, 0)
      assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
    })
  )

  it.effect("a namesake inherits nothing of another's good name", () =>
    Effect.gen(function* () {
      const { honest, place } = yield* open
      const cheaper = Msat.make(4_000)
      const namesake = yield* Peer.open(
        place,
        { name: "tern", price: cheaper },
        Peer.honest(cheaper)
      )
      const customer = yield* People.customer(place)
      yield* Deal.buy(customer, { selection: { only: [honest.pubkey] } })
      assert.strictEqual((yield* Deal.recordOf(customer, namesake)).jobs, 0)
      const receipt = yield* Deal.buy(customer, { selection: { policy: "reliable" } })
      assert.strictEqual(receipt.provider, honest.pubkey)
      assert.lengthOf(namesake.requests, 0)
      assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price, price))
    })
  )

  it.effect("strangers that take money and deliver nothing get the day's limit between them", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place()
      const thief = Effect.fnUntraced(function* () {
        return yield* Peer.open(place, { name: "thief", price }, (job) => job.invoice(price))
      })
      const thieves = yield* Effect.replicateEffect(thief(), 3)
      const customer = yield* People.customer(place, {
        environment: {
          FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "500 millis",
          // Two invoices with their fees, and not a third.
          FARTHING_RUNWAY_UNPROVEN_DAILY_LIMIT_SATS: "11"
        }
      })
      const buy = Effect.flip(Deal.buy(customer, { budget: Msat.add(price, Stage.fee) }))
      assert.strictEqual((yield* buy)._tag, "DeliveryTimeout")
      assert.strictEqual((yield* buy)._tag, "DeliveryTimeout")
      const error = yield* buy
      assert(error._tag === "BudgetExhausted", error.message)
      assert.strictEqual(error.limit, "unproven_daily_limit_sats")
      assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price, price))
      const asked = thieves.map(({ requests }) => requests.length)
      assert.deepStrictEqual(asked.toSorted(), [0, 1, 1])
    })
  )
})
