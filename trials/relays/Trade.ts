/**
 * A whole trade over relays of another make: announcement, request, invoice and result go over
 * one, and both wallets are reached over another of the same make.
 */
import { Msat, NwcUri } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Clock, Effect, Result, Stream } from "effect"
import * as Books from "../src/Books.ts"
import type * as Makes from "../src/Makes.ts"
import * as OtherRelay from "../src/OtherRelay.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

export const price = Msat.make(7_001)

const budget = Msat.make(100_000)

/** A make, anew for each relay: some remember whom they have seen. */
export type MakeOf = (now: Makes.Now) => OtherRelay.Make

export interface Terms {
  /** Whether the wallets are reached over a relay of the same make, too; default: they are. */
  readonly wallets?: boolean
}

/** What the books say of so many purchases: the customer's, the seller's, and how they ended. */
export interface Outcome {
  readonly whole: Result.Result<string, { readonly _tag: string; readonly message: string }>
  readonly streamed: Result.Result<string, { readonly _tag: string; readonly message: string }>
  readonly books: Books.Books
  readonly earned: number
}

/** Buys one result whole, and one as it comes. */
export const run = Effect.fnUntraced(function* (makeOf: MakeOf, terms: Terms = {}) {
  const { wallets = true } = terms
  const clock = yield* Clock.Clock
  const now = () => UnixTime.fromMillis(clock.currentTimeMillisUnsafe())
  const hidden = yield* Stage.place()
  const relay = yield* OtherRelay.make(hidden.urls[0]!, makeOf(now))
  const place = { ...hidden, urls: [relay.url] }

  const bank = yield* bankRelay
  const between = yield* OtherRelay.make(bank, wallets ? makeOf(now) : OtherRelay.honest)
  const who = { walletWay: () => between.url }

  const seller = yield* People.seller(place, { offer: { priceMsats: price }, ...who })
  const customer = yield* People.customer(place, who)
  const whole = yield* Effect.result(
    Effect.map(
      customer.client.requestInference({ prompt: "The tide comes in.", budget }),
      ({ text }) => text
    )
  )
  const streamed = yield* Effect.result(
    Effect.map(
      Stream.runCollect(customer.client.streamInference({ prompt: "The tide goes out.", budget })),
      (told) => told.flatMap((one) => (one._tag === "Done" ? [one.receipt.text] : [])).join("")
    )
  )
  yield* between.behave(OtherRelay.honest)
  return {
    whole,
    streamed,
    books: yield* Books.of(customer),
    earned: yield* Books.earned(seller.account)
  } satisfies Outcome
}, Effect.scoped)

/** Where the bank is. */
const bankRelay = Effect.gen(function* () {
  const { account } = yield* Stage.Stage
  const { nwc } = yield* account("onlooker")
  const { relays } = yield* Effect.orDie(Effect.fromResult(NwcUri.parse(nwc)))
  return relays[0]!
})
