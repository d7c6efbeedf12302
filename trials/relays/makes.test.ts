/** People trade over relays of every make: each case is a market of its own, wallets included. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import * as Books from "../src/Books.ts"
import * as Makes from "../src/Makes.ts"
import * as Manner from "../src/Manner.ts"
import * as Misbehaviour from "../src/Misbehaviour.ts"
import * as OtherRelay from "../src/OtherRelay.ts"
import * as Stage from "../src/Stage.ts"
import * as Trade from "./Trade.ts"

const having =
  (...manners: ReadonlyArray<OtherRelay.Manner>): Trade.MakeOf =>
  () =>
    OtherRelay.of(...manners)

const limited =
  (limits: Manner.Limits, limitation?: object): Trade.MakeOf =>
  (now) => ({
    manners: [Manner.limits(limits, now)],
    ...(limitation === undefined ? {} : { information: { limitation } })
  })

/** Over what people trade as over any other relay. */
const makes: Readonly<Record<string, Trade.MakeOf>> = {
  "is like strfry": Makes.likeStrfry,
  "is like nostream": Makes.likeNostream,
  "is like nostr-rs-relay": Makes.likeNostrRsRelay,
  "is like khatru": Makes.likeKhatru,
  "asks who reads": having(Manner.asksWho("REQ")),
  "asks again who reads, in the midst of it": having(Manner.forgetsWho),
  "ignores most fields of a filter": having(
    Manner.ignores("#k"),
    Manner.ignores("#p"),
    Manner.ignores("authors"),
    Manner.ignores("since")
  ),
  "keeps ephemeral events, and sends them again": () => OtherRelay.of(Manner.keepsEphemerals()),
  "is busy at first": having(Manner.refusesAtFirst("rate-limited: slow down")),
  "gives notice where others say OK or EOSE": having(
    Manner.givesNotice("OK"),
    Manner.givesNotice("EOSE")
  ),
  "never says EOSE": having(Misbehaviour.all.withholdsEose),
  "says EOSE twice, and much that nobody asked for": having(Manner.endsTwice, Manner.rambles),
  "states tight limits": limited(
    { maxSubscriptions: 3, maxFilters: 1, maxLimit: 50, maxMessageLength: 16_384, by: "CLOSED" },
    { max_subscriptions: 3, max_filters: 1, max_limit: 50, max_message_length: 16_384 }
  ),
  "has limits, and does not state them": limited({
    maxSubscriptions: 4,
    maxFilters: 2,
    maxLimit: 500,
    maxSubscriptionIdLength: 8,
    ahead: 2,
    behind: 3_600,
    by: "CLOSED"
  }),
  "has limits, and gives notice of them": limited({ maxFilters: 2, maxLimit: 500, by: "NOTICE" })
}

/** What can cost a wallet its answers, because no relay keeps them: only the market is over such a one. */
const marketsOnly: Readonly<Record<string, Trade.MakeOf>> = {
  "is like somebody's home server": Makes.likeHomeServer,
  "ends subscriptions that it had taken": having(Manner.endsSubscriptions("blocked: enough")),
  "dies without a word, again and again": () => OtherRelay.of(Manner.dies(8, 6)),
  "refuses the first that it hears": having(Manner.refusesAtFirst("error: out of order"))
}

class Outcomes extends Context.Service<
  Outcomes,
  { readonly of: (name: string) => Effect.Effect<Trade.Outcome, unknown> }
>()("@farthing/trials/relays/Outcomes") {}

const outcomes = Layer.effect(
  Outcomes,
  Effect.gen(function* () {
    const trades: ReadonlyArray<readonly [string, Trade.MakeOf, Trade.Terms]> = [
      ...Object.entries(makes).map(([name, make]) => [name, make, {}] as const),
      ...Object.entries(marketsOnly).map(
        ([name, make]) => [name, make, { wallets: false }] as const
      )
    ]
    const found = yield* Effect.forEach(
      trades,
      ([name, make, terms]) =>
        Effect.map(Effect.exit(Trade.run(make, terms)), (exit) => [name, exit] as const),
      { concurrency: 6 }
    )
    const byName = new Map(found)
    return { of: (name) => byName.get(name)! }
  })
).pipe(Layer.provideMerge(Stage.layer))

const isDone = ({ books, earned, streamed, whole }: Trade.Outcome): void => {
  for (const result of [whole, streamed]) {
    if (Result.isFailure(result)) assert.fail(result.failure.message)
    assert.isNotEmpty(result.success)
  }
  assert.deepStrictEqual(books, Books.paid(Trade.price, Trade.price))
  assert.strictEqual(earned, 2 * Trade.price)
}

const traded = (name: string) =>
  Outcomes.pipe(
    Effect.flatMap((all) => all.of(name)),
    Effect.map(isDone)
  )

layer(outcomes, { excludeTestServices: true, timeout: "2 minutes" })(
  "people trade over a relay that",
  (it) => {
    for (const name of Object.keys(makes)) it.effect(name, () => traded(name))

    for (const name of Object.keys(marketsOnly)) it.effect(name, () => traded(name))
  }
)
