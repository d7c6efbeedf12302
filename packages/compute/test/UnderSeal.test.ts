import { Treasury } from "@farthing/budget"
import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat } from "@farthing/protocol"
import { Deferred, Effect, Option, Stream } from "effect"
import { randomBytes } from "node:crypto"
import { ComputeClient } from "../src/ComputeClient.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import * as TestSealing from "./TestSealing.ts"
import { passing } from "./TestTime.ts"

const { sats } = TestMarket
const price = sats(10)
const cost = Msat.add(price, TestMarket.fee)

const profile: TestPeer.Profile = {
  name: "peer",
  price,
  announcement: { settlements: ["sealed"] }
}

const market = TestMarket.market({ options: { settlement: ["sealed", "upfront"] } })

const ask = { prompt: "hello", budget: sats(100) }

/** Delivers these texts under seal, with an invoice that opens them; the invoice and its preimage. */
const sealed = Effect.fnUntraced(function* (
  peer: TestPeer.Peer,
  job: TestPeer.Job,
  texts: ReadonlyArray<string>,
  key?: Bolt11.Preimage
) {
  const preimage = Bolt11.Preimage.make(randomBytes(32).toString("hex"))
  const invoice = yield* job.makeHold(price, { paymentHash: Bolt11.hashOf(preimage) })
  yield* job.quote(invoice, { settlement: "sealed", hold: true })
  const lock = yield* TestSealing.lockFor(peer.signer, job, invoice, key ?? preimage)
  const chunks = TestSealing.sealedOf(lock, TestSealing.piecesOf(job.event.id, texts))
  for (const chunk of chunks) yield* job.say(chunk)
  yield* job.say(TestSealing.commitmentOf(job.event.id, invoice, chunks))
  return { invoice, preimage }
})

/** A provider with access to its own keys. */
const open = Effect.fnUntraced(function* (
  script: (peer: TestPeer.Peer, job: TestPeer.Job) => Effect.Effect<unknown>
) {
  const peer = yield* TestPeer.make(profile)
  yield* peer.announce()
  yield* peer.serve((job) => script(peer, job))
  return peer
})

const honest = (...texts: ReadonlyArray<string>) =>
  open((peer, job) =>
    Effect.gen(function* () {
      const { invoice, preimage } = yield* sealed(peer, job, texts)
      yield* job.isLocked(invoice)
      yield* job.claim(preimage)
    })
  )

describe("a purchase under seal", () => {
  it.effect("is delivered to, pays, and reads", () =>
    Effect.gen(function* () {
      yield* honest("an ", "answer")
      const client = yield* ComputeClient
      const before = yield* TestMarket.balance
      const receipt = yield* client.requestInference(ask)
      assert.strictEqual(receipt.text, "an answer")
      assert.strictEqual(receipt.settlement, "sealed")
      assert.strictEqual(receipt.cost, cost)
      assert.strictEqual(before - (yield* TestMarket.balance), cost)
      const [job] = yield* client.jobs()
      assert.strictEqual(job?.state, "delivered")
      const { held, spentEver } = yield* (yield* Treasury.Treasury).status
      assert.deepStrictEqual({ held, spentEver }, { held: 0, spentEver: cost })
    }).pipe(Effect.provide(market))
  )

  it.effect("tells the text when it is open", () =>
    Effect.gen(function* () {
      yield* honest("one ", "two")
      const client = yield* ComputeClient
      const progress = yield* Stream.runCollect(client.streamInference(ask))
      const texts = progress.flatMap((one) => (one._tag === "Chunk" ? [one.text] : []))
      assert.strictEqual(texts.join(""), "one two")
    }).pipe(Effect.provide(market))
  )

  it.effect("that does not open cost one price, and leaves the evidence", () =>
    Effect.gen(function* () {
      yield* open((peer, job) =>
        Effect.gen(function* () {
          const wrong = Bolt11.Preimage.make("22".repeat(32))
          const { invoice, preimage } = yield* sealed(peer, job, ["an answer"], wrong)
          yield* job.isLocked(invoice)
          yield* job.claim(preimage)
        })
      )
      const client = yield* ComputeClient
      const error = yield* Effect.flip(client.requestInference(ask))
      assert(error._tag === "DeliveryInvalid", error.message)
      assert.strictEqual(error.cost, cost)
      assert.include(error.message, "garbage")
      const [job] = yield* client.jobs()
      assert.strictEqual(job?.state, "lost")
      const detail = Option.getOrThrow(yield* client.findJob(job?.request ?? ""))
      assert.lengthOf(detail.sealed, 2)
      assert.strictEqual(
        Bolt11.hashOf(detail.payment?.preimage ?? Bolt11.Preimage.make("00".repeat(32))),
        job?.paymentHash
      )
    }).pipe(Effect.provide(market))
  )

  it.effect("is not paid while it is not whole", () =>
    Effect.gen(function* () {
      yield* open((_, job) =>
        Effect.gen(function* () {
          const preimage = Bolt11.Preimage.make(randomBytes(32).toString("hex"))
          const invoice = yield* job.makeHold(price, { paymentHash: Bolt11.hashOf(preimage) })
          yield* job.quote(invoice, { settlement: "sealed", hold: true })
          yield* job.fail
        })
      )
      const client = yield* ComputeClient
      const before = yield* TestMarket.balance
      const error = yield* Effect.flip(client.requestInference(ask))
      assert.strictEqual(error._tag, "ProviderRefused")
      assert.strictEqual(yield* TestMarket.balance, before)
    }).pipe(Effect.provide(market))
  )

  it.effect("whose money is taken late is opened by recovery", () =>
    Effect.gen(function* () {
      const taking = yield* Deferred.make<void>()
      const taken = yield* Deferred.make<boolean>()
      yield* open((peer, job) =>
        Effect.gen(function* () {
          const { preimage } = yield* sealed(peer, job, ["an answer"])
          yield* Deferred.await(taking)
          yield* Deferred.succeed(taken, yield* job.claim(preimage))
        })
      )
      const client = yield* ComputeClient
      const error = yield* Effect.flip(passing(client.requestInference(ask)))
      assert.strictEqual(error._tag, "PaymentUnknown")
      assert.include(error.message, "comes back by itself")
      assert.strictEqual((yield* client.jobs())[0]?.state, "locked")
      yield* Deferred.succeed(taking, undefined)
      assert.isTrue(yield* Deferred.await(taken))
      const [recovered] = yield* passing(client.recover)
      assert.strictEqual(recovered?.receipt?.text, "an answer")
      assert.strictEqual((yield* client.jobs())[0]?.state, "delivered")
    }).pipe(Effect.provide(market))
  )
})
