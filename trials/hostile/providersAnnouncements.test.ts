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

const tenThousand = 10_000

layer(Stage.layer, { excludeTestServices: true })("announcements that mislead", (it) => {
  it.effect("an announcement of ten megabytes is not read, and hides nobody", () =>
    Effect.gen(function* () {
      const { honest, place, relay } = yield* open
      for (const bytes of [10_000_000, 100_000]) {
        const [announcement] = yield* Crowd.gather(1, {
          about: "x".repeat(bytes),
          price: Msat.zero
        })
        yield* relay.tell(announcement!)
      }
      const customer = yield* People.customer(place)
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
      const { honest, place, relay } = yield* open
      const before = yield* People.customer(place)
      yield* Deal.buy(before)
      for (const sybil of yield* Crowd.gather(10_001, { price: Msat.zero }))
        yield* relay.tell(sybil)
      // In a new life the customer hears of the honest one last.
      const { account, environment } = before
      const customer = yield* People.revive({
        account,
        environment: { ...environment, FARTHING_RELAYS_URLS: relay.url }
      })
      yield* relay.tell(yield* honest.announcement())
      const found = yield* customer.client.discoverProviders("15 seconds")
      assert.lengthOf(found, 10_001)
      assert.isTrue(found.some(({ pubkey }) => pubkey === honest.pubkey))
    })
  )
})
