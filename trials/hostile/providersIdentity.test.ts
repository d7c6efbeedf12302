/** Those who speak in a provider's place: only what the asked provider signed for this job counts. */
import { assert, layer } from "@effect/vitest"
import { AgentMessage, Msat } from "@farthing/protocol"
import type { NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import * as Forgery from "../src/Forgery.ts"
import * as GullibleRelay from "../src/GullibleRelay.ts"
import * as Peer from "../src/Peer.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

const genuine = "the genuine answer"

interface Scene {
  /** Somebody else with an account at the bank, who would like to be paid. */
  readonly stranger: Peer.Peer
  /** Shown to the customer through a relay that believes everything. */
  readonly show: (event: NostrEvent.NostrEvent) => Effect.Effect<void>
}

/** A market place with a stranger in it, and a relay that forwards whatever it gets. */
const open = Effect.gen(function* () {
  const relay = yield* GullibleRelay.make
  const place = yield* Stage.place({ others: [relay.url] })
  const stranger = yield* Peer.make(place, { name: "stranger" })
  const scene: Scene = {
    stranger,
    show: (event) => Effect.andThen(relay.isAskedFor(event), relay.tell(event))
  }
  return { place, scene }
})

/** The customer pays the provider alone, once, and takes its word alone. */
const isNotFooled = (script: (scene: Scene) => Peer.Script) =>
  Effect.gen(function* () {
    const { place, scene } = yield* open
    const peer = yield* Peer.open(place, { name: "tern", price }, script(scene))
    const customer = yield* People.customer(place)
    const receipt = yield* Deal.buy(customer)
    assert.strictEqual(receipt.text, genuine)
    assert.strictEqual(receipt.provider, peer.pubkey)
    assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
    assert.strictEqual(yield* Books.earned(peer.account), price)
    assert.strictEqual(yield* Books.earned(scene.stranger.account), 0)
    assert.deepStrictEqual(Deal.deedsOf(yield* Deal.recordOf(customer, peer)), {
      jobs: 1,
      delivered: 1,
      lost: 0,
      refused: 0,
      rejected: 0
    })
  })

/** A good job, with something done before the invoice and before the result. */
const interrupted =
  (before: {
    readonly invoice: (event: NostrEvent.NostrEvent) => Effect.Effect<void>
    readonly result: (event: NostrEvent.NostrEvent) => Effect.Effect<void>
  }): Peer.Script =>
  (job) =>
    Effect.gen(function* () {
      const invoice = yield* job.makeInvoice(price)
      const quote = yield* job.draft(job.quoteOf(invoice))
      yield* before.invoice(quote)
      yield* job.publish(quote)
      yield* job.isPaid(invoice)
      const result = yield* job.draft(job.resultOf(genuine))
      yield* before.result(result)
      yield* job.publish(result)
    })

const withStrangersInvoice = (stranger: Peer.Peer) =>
  Effect.map(
    stranger.makeInvoice(Msat.make(1_000)),
    ({ bolt11, paymentHash }) =>
      (content: string): string =>
        JSON.stringify({
          ...JSON.parse(content),
          bolt11,
          amount_msats: 1_000,
          payment_hash: paymentHash
        })
  )

const withStrangersText = (content: string): string =>
  JSON.stringify({ ...JSON.parse(content), result: "a lie", sha256: undefined })

layer(Stage.layer, { excludeTestServices: true })("those who are not the provider", (it) => {
  it.effect("another member of the channel who answers first is passed over", () =>
    isNotFooled(
      ({ stranger }) =>
        (job) =>
          Effect.gen(function* () {
            const cheaper = yield* stranger.makeInvoice(Msat.make(1_000))
            yield* job.say(job.quoteOf(cheaper), { as: stranger.signer })
            const invoice = yield* job.invoice(price)
            yield* job.isPaid(invoice)
            yield* job.say(job.resultOf("a lie"), { as: stranger.signer })
            yield* job.result(genuine)
          })
    )
  )

  it.effect("an answer in the provider's name that somebody else signed is passed over", () =>
    isNotFooled(({ show, stranger }) =>
      interrupted({
        invoice: (quote) =>
          Effect.flatMap(withStrangersInvoice(stranger), (change) =>
            show(Forgery.inTheNameOf(quote.pubkey, { ...quote, content: change(quote.content) }))
          ),
        result: (result) =>
          show(
            Forgery.inTheNameOf(result.pubkey, {
              ...result,
              content: withStrangersText(result.content)
            })
          )
      })
    )
  )

  it.effect("an answer that was changed under its signature is passed over", () =>
    isNotFooled(({ show, stranger }) =>
      interrupted({
        invoice: (quote) =>
          Effect.flatMap(withStrangersInvoice(stranger), (change) =>
            show(Forgery.tampered(quote, change))
          ),
        result: (result) => show(Forgery.tampered(result, withStrangersText))
      })
    )
  )

  it.effect("a copy with a forged signature does not hide the genuine answer", () =>
    isNotFooled(({ show }) =>
      interrupted({
        invoice: (quote) => show(Forgery.signedAnew(quote)),
        result: (result) => show(Forgery.signedAnew(result))
      })
    )
  )

  it.effect("answers to an earlier job that come again buy nothing and deliver nothing", () =>
    Effect.gen(function* () {
      const { place, scene } = yield* open
      const earlier: Array<NostrEvent.NostrEvent> = []
      const said = (event: NostrEvent.NostrEvent) =>
        Effect.gen(function* () {
          for (const old of earlier) yield* scene.show(old)
          earlier.push(event)
        })
      const peer = yield* Peer.open(
        place,
        { name: "tern", price },
        interrupted({ invoice: said, result: said })
      )
      const [first, second] = [yield* People.customer(place), yield* People.customer(place)]
      for (const customer of [first, first, second])
        assert.strictEqual((yield* Deal.buy(customer)).text, genuine)
      assert.lengthOf(earlier, 6)
      assert.deepStrictEqual(yield* Books.of(first), Books.paid(price, price))
      assert.deepStrictEqual(yield* Books.of(second), Books.paid(price))
      assert.strictEqual(yield* Books.earned(peer.account), 3 * price)
    })
  )

  it.effect("an invoice that refers to two requests is nobody's", () =>
    isNotFooled(
      ({ stranger }) =>
        (job) =>
          Effect.gen(function* () {
            const cheaper = yield* stranger.makeInvoice(Msat.make(1_000))
            const other = AgentMessage.jobIdOf(job.event.id).replace(/.$/, (digit) =>
              digit === "0" ? "1" : "0"
            )
            yield* job.say(job.quoteOf(cheaper, { job_id: other }))
            yield* Effect.flatMap(job.invoice(price), job.isPaid)
            yield* job.result(genuine)
          })
    )
  )
})
