import { assert, describe, it } from "@effect/vitest"
import { Msat, NostrEvent, Settlement } from "@farthing/protocol"
import { Option, Schema } from "effect"
import * as AnnouncementBook from "../src/AnnouncementBook.ts"
import type { Listing } from "../src/Listing.ts"
import * as Provider from "../src/Provider.ts"
import * as Selection from "../src/Selection.ts"
import * as Shortlist from "../src/Shortlist.ts"
import { keyOf, listing, now } from "./TestListing.ts"

const budget = Msat.make(10_000)
const between = (minimum: number, maximum: number) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Price = Schema.UndefinedOr(between(0, 12))
const Name = between(1, 25)

const Offers = Schema.Array(
  Schema.Struct({
    name: Name,
    identifier: between(0, 2),
    price: Price,
    large: Schema.Literals(["not sold", "at the general price", "at its own", "unknown"]),
    largePrice: between(0, 12),
    settlement: Settlement.Settlement,
    online: Schema.Boolean,
    endsIn: between(-1, 2)
  })
)

const Records = Schema.Array(
  Schema.Struct({
    name: Name,
    delivered: between(0, 4),
    lost: between(0, 4),
    medianMillis: Schema.UndefinedOr(between(0, 3)),
    avoided: Schema.Boolean
  })
)

const Wish = Schema.Struct({
  policy: Schema.Literals(["cheapest", "fastest", "reliable", "balanced"]),
  model: Schema.UndefinedOr(Schema.Literals(["tiny", "large", "none has it"])),
  maxPrice: Price,
  only: Schema.UndefinedOr(Schema.Array(Name)),
  ignore: Schema.Array(Name),
  order: Schema.Array(Name),
  settlement: Schema.Array(Settlement.Settlement),
  limit: Schema.UndefinedOr(between(1, 6))
})

/** Prices are few, so that many are equal. */
const msats = (price: number | undefined) =>
  Option.map(Option.fromUndefinedOr(price), (units) => Msat.make(units * 1_000))

const listingsOf = (offers: typeof Offers.Type): ReadonlyArray<Listing> =>
  offers.map((offer) =>
    listing(offer.name, {
      identifier: String(offer.identifier),
      price: msats(offer.price),
      models: offer.large === "not sold" ? ["tiny"] : ["tiny", "large"],
      modelPrices:
        offer.large === "at its own" ? { large: Msat.make(offer.largePrice * 1_000) } : {},
      unpriced: offer.large === "unknown" ? ["large"] : [],
      ways: [offer.settlement],
      online: offer.online,
      endsAt: now + offer.endsIn
    })
  )

const recordsOf = (records: typeof Records.Type): Shortlist.Records =>
  new Map(
    records.map(({ avoided, name, ...record }) => [
      keyOf(name),
      { ...Provider.noRecord, ...record, avoidUntil: avoided ? now + 1 : undefined }
    ])
  )

const wishOf = ({
  ignore,
  limit,
  maxPrice,
  model,
  only,
  order,
  policy,
  settlement
}: typeof Wish.Type): Shortlist.Wanted => ({
  budget,
  now,
  settlement,
  ...(limit === undefined ? {} : { limit }),
  selection: {
    policy,
    ignore: ignore.map(keyOf),
    order: order.map(keyOf),
    ...(only === undefined ? {} : { only: only.map(keyOf) }),
    ...(model === undefined ? {} : { model }),
    ...Option.match(msats(maxPrice), {
      onNone: () => ({}),
      onSome: (price) => ({ maxPrice: price })
    })
  }
})

/** The whole market as it is without an index. */
const providersOf = (
  listings: ReadonlyArray<Listing>,
  records: Shortlist.Records
): ReadonlyArray<Provider.Provider> =>
  listings.map((one) => ({
    pubkey: one.pubkey,
    name: "",
    price: one.price,
    models: one.models,
    record: records.get(one.pubkey) ?? Provider.noRecord,
    announcement: {
      ...one,
      settlements: one.ways.map(Settlement.modeOf),
      rails: ["lightning"],
      name: "",
      about: "",
      picture: Option.none(),
      lud16: Option.none(),
      channel: NostrEvent.EventId.make("c".repeat(64)),
      relays: [],
      network: Option.none(),
      kinds: [],
      capabilities: [],
      tagsAnswers: true,
      expiresAt: Option.some(one.endsAt),
      provider: one.pubkey,
      event: {
        id: one.id,
        pubkey: one.pubkey,
        created_at: one.createdAt,
        kind: 31_990,
        tags: [],
        content: "",
        sig: NostrEvent.Signature.make("0".repeat(128))
      }
    }
  }))

const told = (ranked: ReadonlyArray<Selection.Candidate>) =>
  ranked.map(({ price, pubkey, record }) => [pubkey, Option.getOrNull(price), record])

const bookOf = (listings: ReadonlyArray<Listing>) => {
  const book = AnnouncementBook.make({ capacity: 1_000, proven: new Set() })
  for (const one of listings) book.add(one, now)
  return book
}

/** Of those that were added, what stands. */
const standing = (book: AnnouncementBook.AnnouncementBook) => book.all(now)

describe("the shortlist", () => {
  it.prop(
    "is what the selection would choose among all",
    [Offers, Records, Wish],
    ([offers, dealtWith, wanted]) => {
      const book = bookOf(listingsOf(offers))
      const records = recordsOf(dealtWith)
      const wish = wishOf(wanted)
      const all = providersOf(standing(book), records).filter((one) =>
        Shortlist.takesOneOf(wish.settlement, one.announcement.settlements)
      )
      assert.deepStrictEqual(
        told(Shortlist.rank(book, records, wish, wanted.policy)),
        told(Selection.rank(all, wish))
      )
    },
    { arbitrary: { runs: 400 } }
  )

  it.prop(
    "is the same after any changes to the market",
    [Offers, Offers, Wish],
    ([before, after, wanted]) => {
      const wish = wishOf(wanted)
      const first = listingsOf(before)
      const book = bookOf(first)
      // The index is made here, and has to follow from now on.
      Shortlist.rank(book, new Map(), wish, wanted.policy)
      const later = listingsOf(after).map((one) => ({ ...one, createdAt: now + 1 }))
      for (const one of later) book.add(one, now)
      const anew = bookOf(standing(book))
      assert.deepStrictEqual(
        told(Shortlist.rank(book, new Map(), wish, wanted.policy)),
        told(Shortlist.rank(anew, new Map(), wish, wanted.policy))
      )
    }
  )

  it("looks at few of very many", () => {
    const listings = Array.from({ length: 20_000 }, (_, n) =>
      listing(n + 1, { price: Option.some(Msat.make(1_000 + ((n * 7_919) % 5_000))) })
    )
    const book = AnnouncementBook.make({ capacity: 20_000, proven: new Set() })
    for (const one of listings) book.add(one, now)
    let looked = 0
    const watched = {
      ...book,
      walk: (range, visit) =>
        book.walk(range, (one) => {
          looked++
          return visit(one)
        })
    } satisfies AnnouncementBook.AnnouncementBook
    const wish: Shortlist.Wanted = {
      budget,
      now,
      limit: 3,
      selection: {},
      settlement: ["upfront"]
    }
    for (const policy of ["cheapest", "fastest", "reliable", "balanced"] as const)
      assert.lengthOf(Shortlist.rank(watched, new Map(), wish, policy), 3)
    assert.strictEqual(looked, 4 * 3)
  })
})
