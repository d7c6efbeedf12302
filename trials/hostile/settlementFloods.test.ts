/**
 * Customers who have results sealed and do not pay: no more is inferred for nothing than a provider
 * risks, and what is not paid is not read.
 */
import { assert, layer } from "@effect/vitest"
import { AgentMessage, Bolt11, Channel, Key, Msat, Sealed } from "@farthing/protocol"
import { Signer } from "@farthing/relay"
import { Effect, Fiber, Option, Redacted, Schedule, Stream } from "effect"
import * as Shop from "../src/Shop.ts"
import * as Shopper from "../src/Shopper.ts"
import * as Stage from "../src/Stage.ts"

const price = Msat.make(6_007)
const offer = { priceMsats: price, settlement: ["upfront", "sealed"] } as const

/** Asks for a sealed result, and hears it to its end. */
const sealedFor = Effect.fnUntraced(function* (shopper: Shopper.Shopper, prompt = "hello") {
  const { id } = yield* shopper.ask({ settlement: ["sealed"], prompt })
  const { message } = yield* shopper.hear("Invoice")
  assert.deepInclude(message, { settlement: "sealed", hold: true })
  const { paymentHash } = yield* Effect.fromResult(Bolt11.decode(message.bolt11))
  const answers: Array<AgentMessage.AgentMessage> = []
  yield* shopper.heard.pipe(
    Effect.map((heard) => answers.push(...heard.map(({ message }) => message))),
    Effect.repeat({
      until: () => answers.some(({ type }) => type === "SealedResult"),
      schedule: Schedule.spaced("20 millis")
    })
  )
  const chunks = answers.filter((message) => message.type === "SealedChunk")
  return { request: id, bolt11: message.bolt11, paymentHash, chunks }
})

/** What the payment shows, and what it opens. */
const opened = Effect.fnUntraced(function* (
  shop: Shop.Open,
  shopper: Shopper.Shopper,
  { chunks, paymentHash, request }: Effect.Success<ReturnType<typeof sealedFor>>
) {
  const { bank } = yield* Stage.Stage
  assert.strictEqual(yield* shopper.endOf(paymentHash), "settled")
  const payment = Option.getOrThrow(yield* bank.findPayment(shopper.account.account, paymentHash))
  const lock: Sealed.Lock = {
    preimage: Redacted.make(Option.getOrThrow(payment.preimage)),
    conversationKey: yield* shopper.signer.conversationKey(shop.provider.publicKey),
    requestId: request,
    paymentHash
  }
  return chunks
    .flatMap(({ ciphertext, seq }) => {
      const piece = Option.flatMap(Sealed.open(lock, seq, ciphertext), AgentMessage.parse)
      return Option.match(piece, {
        onNone: () => [],
        onSome: (message) => (message.type === "StreamChunk" ? [message.chunk] : [])
      })
    })
    .join("")
})

/** A request for a sealed result, with a key of its own. */
const sybil = Effect.fnUntraced(function* (shop: Shop.Open) {
  const event = yield* Signer.make(Key.generate()).sign({
    kind: Channel.messageKind,
    tags: [["e", shop.provider.channel, "", "root"]],
    content: AgentMessage.stringify({
      type: "JobRequest",
      kind: AgentMessage.textGeneration,
      prompt: "flood",
      max_tokens: 1,
      settlement: ["sealed"]
    })
  })
  yield* shop.place.relay.publish(event)
})

const buyUpfront = Effect.fnUntraced(function* (shop: Shop.Open) {
  const shopper = yield* Shopper.make(shop.place, shop.provider)
  yield* shopper.ask({ prompt: "honest" })
  yield* shopper.pay((yield* shopper.hear("Invoice")).message.bolt11)
  assert.strictEqual((yield* shopper.hear("JobResult")).message.result, "honest!")
})

layer(Stage.layer, { excludeTestServices: true, concurrent: true })("a sealed result", (it) => {
  it.effect("is opened by its payment, and paid once", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const sealed = yield* sealedFor(shopper)
      yield* shopper.lock(sealed.bolt11)
      assert.strictEqual(yield* opened(shop, shopper, sealed), "hello!")
      yield* Shop.closing(shop, Shop.sold(1, price))
      assert.strictEqual(yield* shopper.balance, shopper.account.opening - price - Stage.fee)
    })
  )

  it.effect("is not paid by somebody's word", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const { paymentHash, request } = yield* sealedFor(shopper)
      const job_id = AgentMessage.jobIdOf(request)
      const reply = { reply: request }
      yield* shopper.say({ type: "PaymentSent", job_id, payment_id: paymentHash }, reply)
      yield* shopper.say(
        {
          type: "HtlcLocked",
          job_id,
          payment_hash: paymentHash,
          amount_msats: price,
          expiry_secs: 86_400
        },
        reply
      )
      yield* shop.looksAt(paymentHash)
      yield* buyUpfront(shop)
      assert.deepStrictEqual(yield* shopper.heard, [])
      const { earned } = yield* shop.provider.status
      assert.strictEqual(earned, price)
    })
  )

  it.effect("of a customer who has not paid for others is not made", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer: { ...offer, maxUnpaidSealed: 8 } })
      const [cheat, other] = yield* Effect.all([
        Shopper.make(shop.place, shop.provider),
        Shopper.make(shop.place, shop.provider)
      ])
      const first = yield* sealedFor(cheat)
      yield* sealedFor(cheat)
      yield* Effect.replicateEffect(cheat.ask({ settlement: ["sealed"] }), 5)
      for (const _ of Array.from({ length: 5 }))
        assert.strictEqual((yield* cheat.hear("JobError")).message.code, "over_capacity")
      assert.strictEqual(shop.inferred(), 2)

      // Others are served, and so is whoever pays.
      const theirs = yield* sealedFor(other, "theirs")
      yield* other.lock(theirs.bolt11)
      assert.strictEqual(yield* opened(shop, other, theirs), "theirs!")
      yield* buyUpfront(shop)
      yield* cheat.lock(first.bolt11)
      assert.strictEqual(yield* opened(shop, cheat, first), "hello!")
      yield* sealedFor(cheat)
      assert.strictEqual(shop.inferred(), 5)
      const { delivered, earned } = yield* shop.provider.status
      assert.deepStrictEqual({ delivered, earned }, { delivered: 3, earned: 3 * price })
    })
  )

  it.effect("of too many strangers is not made, however many keys they have", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer: { ...offer, maxUnpaidSealed: 4 } })
      const refused = yield* shop.provider.events.pipe(
        Stream.filter(({ _tag }) => _tag === "Refused"),
        Stream.take(96),
        Stream.runDrain,
        Effect.forkChild({ startImmediately: true })
      )
      yield* Effect.replicateEffect(sybil(shop), 100, { concurrency: 50 })
      yield* Fiber.join(refused)
      yield* buyUpfront(shop)
      assert.strictEqual(shop.inferred(), 5)
      const { delivered, earned } = yield* shop.provider.status
      assert.deepStrictEqual({ delivered, earned }, { delivered: 1, earned: price })
    })
  )

  it.effect("that nobody has paid keeps nobody out for longer than its invoice stands", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({
        offer: { ...offer, maxUnpaidSealed: 1, invoiceExpiry: "2 seconds" }
      })
      yield* sybil(shop)
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      yield* Effect.gen(function* () {
        yield* shopper.ask({ settlement: ["sealed"] })
        const [answer] = yield* Effect.repeat(shopper.heard, {
          until: (heard) => heard.length > 0,
          schedule: Schedule.spaced("20 millis")
        })
        return answer?.message.type
      }).pipe(
        Effect.repeat({
          until: (answer) => answer === "Invoice",
          schedule: Schedule.spaced("200 millis")
        })
      )
      const { earned } = yield* shop.provider.status
      assert.strictEqual(earned, 0)
    })
  )
})
