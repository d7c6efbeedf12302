import { assert, describe, it } from "@effect/vitest"
import { Key, Msat, NostrEvent } from "@farthing/protocol"
import { Option, Schema } from "effect"
import * as AnnouncementBook from "../src/AnnouncementBook.ts"
import type { Listing } from "../src/Listing.ts"
import * as PriceIndex from "../src/PriceIndex.ts"
import { keyOf, listing, now } from "./TestListing.ts"

const mega = 1024 * 1024

const open = (
  options: { readonly proven?: ReadonlyArray<Key.PublicKey>; readonly capacity?: number } = {}
) =>
  AnnouncementBook.make({
    capacity: options.capacity ?? 10_000,
    proven: new Set(options.proven ?? [])
  })

const weightOf = (book: AnnouncementBook.AnnouncementBook): number =>
  book.all(now).reduce((sum, { weight }) => sum + weight, 0)

/** Who is met on a walk, cheapest first. */
const walk = (
  book: AnnouncementBook.AnnouncementBook,
  range: { readonly model?: string; readonly most?: number; readonly at?: number } = {}
): ReadonlyArray<number> => {
  const met: Array<number> = []
  book.walk(
    { model: range.model, most: range.most ?? Number.POSITIVE_INFINITY, now: range.at ?? now },
    ({ pubkey }) => met.push(Number.parseInt(pubkey, 16)) > 0
  )
  return met
}

const price = (msats: number) => ({ price: Option.some(Msat.make(msats)) })

describe("the book of announcements", () => {
  it("is bounded in what strangers make it remember, however often they speak", () => {
    const book = open()
    for (let n = 1; n <= 300; n++) book.add(listing(n), now)
    for (let n = 1; n <= 300; n++) book.add(listing(n, { weight: mega, createdAt: now + 1 }), now)
    assert.isAtMost(weightOf(book), AnnouncementBook.mostWeight)
    assert.isAtLeast(weightOf(book), AnnouncementBook.mostWeight - mega)
  })

  it("hears the proven, and whoever leaves, when strangers have filled it", () => {
    const proven = keyOf(9_999)
    const book = open({ proven: [proven], capacity: 100 })
    for (let n = 1; n <= 200; n++) book.add(listing(n), now)
    assert.strictEqual(book.count(now), 100)
    assert.isTrue(book.add(listing(9_999), now))
    assert.isTrue(book.add(listing(1, { createdAt: now + 1, online: false }), now))
    assert.strictEqual(book.count(now), 100)
  })

  it("makes room for strangers as soon as others have ended", () => {
    const book = open({ capacity: 100 })
    for (let n = 1; n <= 100; n++) book.add(listing(n, { endsAt: now + n }), now)
    assert.isFalse(book.add(listing(101), now))
    assert.isTrue(book.add(listing(101), now + 1))
    assert.isFalse(book.add(listing(102), now + 1))
    assert.strictEqual(book.count(now + 51), 50)
  })

  it("keeps no more than 64 offers of one provider", () => {
    const book = open()
    for (let n = 0; n < 1_000; n++) book.add(listing(1, { identifier: String(n) }), now)
    assert.strictEqual(book.count(now), 64)
    assert.isTrue(book.add(listing(1, { identifier: "3", createdAt: now + 1 }), now))
    assert.strictEqual(book.count(now), 64)
  })

  it("keeps the newest word of an offer, and of one second that with the lower id", () => {
    const book = open()
    const word = (id: string, createdAt: number) =>
      listing(1, { id: NostrEvent.EventId.make(id.repeat(64)), createdAt })
    assert.isTrue(book.add(word("b", now), now))
    assert.isFalse(book.add(word("c", now), now))
    assert.isFalse(book.add(word("a", now - 1), now))
    assert.isTrue(book.add(word("a", now), now))
    assert.isFalse(book.knows("b".repeat(64)))
    assert.isTrue(book.knows("a".repeat(64)))
    assert.strictEqual(book.count(now), 1)
  })

  it("is walked from the cheapest on, within a price, and to unknown prices last", () => {
    const book = open()
    book.add(listing(1, price(300)), now)
    book.add(listing(2, { price: Option.none() }), now)
    book.add(listing(3, price(100)), now)
    assert.deepStrictEqual(walk(book), [3, 1, 2])
    assert.deepStrictEqual(walk(book, { most: 299 }), [3, 2])
    book.add(listing(4, price(200)), now)
    book.add(listing(3, { createdAt: now + 1, ...price(250) }), now)
    book.add(listing(5, { online: false }), now)
    assert.deepStrictEqual(walk(book), [4, 3, 1, 2])
    assert.deepStrictEqual(walk(book, { at: now + 1800 }), [])
  })

  it("is walked by what a model costs, where one is asked for", () => {
    const book = open()
    const models = ["tiny", "large"]
    book.add(listing(1, { ...price(100), models, modelPrices: { large: Msat.make(900) } }), now)
    book.add(listing(2, { ...price(200), models }), now)
    book.add(listing(3, { ...price(50), models, unpriced: ["large"] }), now)
    book.add(listing(4, price(10)), now)
    assert.deepStrictEqual(walk(book, { model: "large" }), [2, 1, 3])
    assert.deepStrictEqual(walk(book), [4, 3, 1, 2])
    book.add(listing(5, { ...price(150), models }), now)
    assert.deepStrictEqual(walk(book, { model: "large" }), [5, 2, 1, 3])
  })

  it("answers for any number of models", () => {
    const book = open()
    for (let n = 1; n <= 100; n++) book.add(listing(n, { models: [`model ${n}`] }), now)
    for (let round = 0; round < 2; round++)
      for (let n = 1; n <= 100; n++)
        assert.deepStrictEqual(walk(book, { model: `model ${n}` }), [n])
  })
})

const Change = Schema.Struct({
  name: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 })),
  price: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })),
  goes: Schema.Boolean
})

describe("the order of prices", () => {
  it.prop(
    "is the same however it came to be",
    [Schema.Array(Change), Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_500 }))],
    ([changes, crowd]) => {
      const standing = new Map<number, Listing>()
      const index = PriceIndex.make([], ({ price }) => Option.getOrElse(price, () => Infinity))
      const put = (name: number, msats: number) => {
        const before = standing.get(name)
        if (before !== undefined) index.remove(before)
        const word = listing(name, price(msats))
        standing.set(name, word)
        index.add(word)
      }
      // So many that what is beside the list is merged into it, and more than once.
      for (let n = 0; n < crowd; n++) put(100 + (n % 700), n % 7)
      for (const { goes, name, price } of changes) {
        const before = standing.get(name)
        if (!goes) put(name, price)
        else if (before !== undefined) {
          index.remove(before)
          standing.delete(name)
        }
      }
      const walked: Array<Listing> = []
      index.walk(Infinity, (one) => walked.push(one) > 0)
      const msats = ({ price }: Listing) => Option.getOrThrow(price)
      const sorted = [...standing.values()].toSorted(
        (a, b) => msats(a) - msats(b) || (a.pubkey < b.pubkey ? -1 : 1)
      )
      assert.deepStrictEqual(walked, sorted)
    },
    { arbitrary: { runs: 25 } }
  )
})
