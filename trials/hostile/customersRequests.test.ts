/** Requests that are too large, too old, out of all bounds, or not meant to be understood. */
import { assert, layer } from "@effect/vitest"
import { AgentMessage, Msat, NostrEvent } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import { Effect } from "effect"
import * as GullibleRelay from "../src/GullibleRelay.ts"
import * as Shop from "../src/Shop.ts"
import * as Shopper from "../src/Shopper.ts"
import * as Stage from "../src/Stage.ts"

const price = Msat.make(3_001)
const offer = { priceMsats: price }

const buy = Effect.fnUntraced(function* (shopper: Shopper.Shopper, wish?: Shopper.Wish) {
  yield* shopper.ask(wish)
  yield* shopper.pay((yield* shopper.hear("Invoice")).message.bolt11)
  return (yield* shopper.hear("JobResult")).message.result
})

/** Somebody honest is served; what was said before was heard by then. */
const honest = Effect.fnUntraced(function* (shop: Shop.Open) {
  const shopper = yield* Shopper.make(shop.place, shop.provider)
  assert.strictEqual(yield* buy(shopper, { prompt: "honest" }), "honest!")
})

/** A place whose only relay takes everything and checks nothing. */
const lawless = Effect.gen(function* () {
  const gullible = yield* GullibleRelay.make
  const urls = [gullible.url]
  const place: Stage.Place = { urls, relay: yield* Relay.make({ urls }) }
  return { gullible, place }
})

/** A request as it would be written by hand: any values, also such as have no meaning. */
const written = (fields: string): string =>
  `{"type":"JobRequest","kind":5050,"prompt":"hello",${fields}}`

const refusalTo = (shopper: Shopper.Shopper, content: string) =>
  shopper.say(content).pipe(
    Effect.andThen(shopper.hear("JobError")),
    Effect.map(({ message }) => message.code)
  )

layer(Stage.layer, { excludeTestServices: true })("a request", (it) => {
  it.effect("that is too long for the provider is refused, and costs nothing", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const prompt = "x".repeat(33 * 1024)
      const code = yield* refusalTo(shopper, written(`"max_tokens":50,"prompt":"${prompt}"`))
      assert.strictEqual(code, "prompt_too_long")
      yield* honest(shop)
      yield* Shop.closing(shop, Shop.sold(1, price))
    })
  )

  it.effect("of 64 KB or ten megabytes gets no further than the relay", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      for (const bytes of [64 * 1024, 10 * 1024 * 1024]) {
        const event = yield* shopper.draft(written(`"max_tokens":50,"x":"${"x".repeat(bytes)}"`))
        const failed = yield* Effect.flip(shop.place.relay.publish(event, { timeout: "1 second" }))
        assert.strictEqual(failed._tag, "RelayError")
      }
      yield* honest(shop)
      yield* Shop.closing(shop, Shop.sold(1, price))
    })
  )

  it.effect("of 64 KB or ten megabytes that a relay lets through harms nobody", () =>
    Effect.gen(function* () {
      const { gullible, place } = yield* lawless
      const shop = yield* Shop.open({ place, offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const prompt = "x".repeat(64 * 1024)
      const code = yield* refusalTo(shopper, written(`"max_tokens":50,"prompt":"${prompt}"`))
      assert.strictEqual(code, "prompt_too_long")
      for (const megabytes of [1, 10])
        yield* gullible.push(
          yield* shopper.draft(written(`"max_tokens":50,"x":"${"x".repeat(megabytes << 20)}"`))
        )
      yield* honest(shop)
      yield* Shop.closing(shop, Shop.sold(1, price))
    })
  )

  it.effect("with an impossible price is refused, and one with any other is quoted ours", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const codeFor = (value: string) =>
        refusalTo(shopper, written(`"max_tokens":50,"max_price_msats":${value}`))
      assert.strictEqual(yield* codeFor("0"), "price_above_bid")
      assert.strictEqual(yield* codeFor(String(price - 1)), "price_above_bid")
      for (const value of ["9007199254740992", "1e400", "-1", "0.5", '"NaN"', '"3001"', "[3001]"])
        assert.strictEqual(yield* codeFor(value), "invalid_request", value)
      for (const value of [String(price), "9007199254740991", "null"]) {
        yield* shopper.say(written(`"max_tokens":50,"max_price_msats":${value}`))
        const { message } = yield* shopper.hear("Invoice")
        assert.strictEqual(message.amount_msats, price)
        yield* shopper.pay(message.bolt11)
        yield* shopper.hear("JobResult")
      }
      yield* Shop.closing(shop, Shop.sold(3, price))
    })
  )

  it.effect("for an impossible number of tokens is refused, and for too many gets our most", () =>
    Effect.gen(function* () {
      const asked: Array<number> = []
      const shop = yield* Shop.open({
        offer: { ...offer, maxTokens: 100 },
        onInfer: ({ maxTokens }) => asked.push(maxTokens)
      })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      for (const value of ["0", "-5", "1.5", "9007199254740992", "1e308", '"NaN"', "null", "{}"])
        assert.strictEqual(
          yield* refusalTo(shopper, written(`"max_tokens":${value}`)),
          "invalid_request",
          value
        )
      yield* buy(shopper, { max_tokens: Number.MAX_SAFE_INTEGER })
      yield* buy(shopper, { max_tokens: 1 })
      assert.deepStrictEqual(asked, [100, 1])
      yield* Shop.closing(shop, Shop.sold(2, price))
    })
  )

  it.effect("full of control characters and escape sequences is text, and no more", () =>
    Effect.gen(function* () {
      const prompts: Array<string> = []
      const shop = yield* Shop.open({ offer, onInfer: ({ prompt }) => prompts.push(prompt) })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const evil =
        "\u001b]0;owned\u0007\u001b[2J\u0000\r\n`rm -rf ~` $(id) '; DROP TABLE x; --\u202e"
      assert.strictEqual(yield* buy(shopper, { prompt: evil }), `${evil}!`)
      assert.deepStrictEqual(prompts, [evil])
      const { message } = yield* shopper
        .ask({ model: evil })
        .pipe(Effect.andThen(shopper.hear("JobError")))
      assert.strictEqual(message.code, "model_unavailable")
      assert.notInclude(message.message, "\u001b")
      yield* Shop.closing(shop, Shop.sold(1, price))
    })
  )

  it.effect("that is nested deeper than anybody reads is not understood", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const deep = "[".repeat(20_000) + "]".repeat(20_000)
      const code = yield* refusalTo(shopper, written(`"max_tokens":50,"stop":${deep}`))
      assert.strictEqual(code, "invalid_request")
      yield* shopper.say(deep)
      yield* shopper.say(`{"type":${deep}}`)
      yield* honest(shop)
      yield* Shop.closing(shop, Shop.sold(1, price))
    })
  )

  it.effect("that is dated an hour ago, or an hour ahead, is not answered", () =>
    Effect.gen(function* () {
      const { place } = yield* lawless
      const shop = yield* Shop.open({ place, offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const now = yield* UnixTime.now
      for (const createdAt of [0, now - 3_600, now + 3_600, now + 100 * 365 * 24 * 3_600])
        yield* shopper.say(written('"max_tokens":50'), { createdAt })
      yield* shopper.ask({ expires_at: now - 1 })
      yield* honest(shop)
      assert.deepStrictEqual(yield* shopper.heard, [])
      yield* Shop.closing(shop, Shop.sold(1, price))
    })
  )

  it.effect("that somebody else has signed, or nobody, is not heard", () =>
    Effect.gen(function* () {
      const { gullible, place } = yield* lawless
      const shop = yield* Shop.open({ place, offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const event = yield* shopper.draft(written('"max_tokens":50'))
      yield* gullible.push({ ...event, content: `${event.content} ` })
      yield* gullible.push({
        ...event,
        sig: event.sig.replace(/^./, (it) => (it === "0" ? "1" : "0"))
      })
      yield* gullible.push({ ...event, pubkey: shop.provider.publicKey })
      yield* honest(shop)
      assert.deepStrictEqual(yield* shopper.heard, [])
      // The forgeries have not hidden the genuine one.
      yield* gullible.push(event)
      const { message } = yield* shopper.hear("Invoice")
      assert.strictEqual(message.job_id, AgentMessage.jobIdOf(NostrEvent.EventId.make(event.id)))
      yield* Shop.closing(shop, { ...Shop.sold(1, price), unpaid: 1 })
    })
  )
})
