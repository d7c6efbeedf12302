import { Treasury } from "@farthing/budget"
import { assert, describe, it } from "@effect/vitest"
import { AgentMessage, Bolt11, Channel, Key, Msat, type NostrEvent } from "@farthing/protocol"
import { Signer } from "@farthing/relay"
import { Bank } from "@farthing/wallet"
import { Effect, Layer, Redacted, Stream } from "effect"
import { hash } from "node:crypto"
import { ComputeClient } from "../src/ComputeClient.ts"
import * as OwnPreimage from "../src/OwnPreimage.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"

const { sats } = TestMarket
const price = sats(10)
const cost = Msat.add(price, TestMarket.fee)

const profile: TestPeer.Profile = {
  name: "peer",
  price,
  announcement: { settlements: ["upfront", "escrow"] }
}

const secret = Key.generate()

const saltOf = ({ tags }: NostrEvent.NostrEvent) =>
  Channel.Salt.make(tags.find(([name]) => name === "salt")?.[1] ?? "")

const market = TestMarket.market({ options: { settlement: ["escrow"] } })

/** Quotes on the customer's hash, and waits until the money is locked. */
const locked = Effect.fnUntraced(function* (job: TestPeer.Job) {
  const paymentHash = yield* Effect.orDie(Effect.fromNullishOr(job.request.payment_hash))
  const invoice = yield* job.makeHold(price, { paymentHash })
  yield* job.quote(invoice, { settlement: "escrow", hold: true })
  yield* job.isLocked(invoice)
  return invoice
})

/** What every good provider does who trusts its customer with a preimage. */
const honest = (job: TestPeer.Job) =>
  locked(job).pipe(
    Effect.andThen(job.result("an answer")),
    Effect.andThen(job.released),
    Effect.flatMap(job.claim)
  )

const neverReleasing = Layer.effect(
  Treasury.Treasury,
  Effect.map(Treasury.Treasury, (treasury) => ({
    ...treasury,
    release: () => Effect.succeed(false)
  }))
)

const ask = { prompt: "hello", budget: sats(100) }

const stateOf = Effect.gen(function* () {
  const client = yield* ComputeClient
  return (yield* client.jobs())[0]?.state
})

describe("a purchase in escrow", () => {
  it.effect("locks, is delivered to, and releases", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open(profile, honest)
      const client = yield* ComputeClient
      const before = yield* TestMarket.balance
      const receipt = yield* client.requestInference(ask)
      assert.strictEqual(receipt.text, "an answer")
      assert.strictEqual(receipt.settlement, "escrow")
      assert.strictEqual(receipt.cost, cost)
      assert.isTrue(receipt.feeKnown)
      assert.strictEqual(Bolt11.hashOf(receipt.preimage), receipt.paymentHash)
      assert.strictEqual(before - (yield* TestMarket.balance), cost)
      assert.strictEqual(yield* Effect.flatMap(Bank.Bank, (bank) => bank.balance("peer")), price)
      assert.strictEqual(yield* stateOf, "delivered")
      assert.deepStrictEqual(
        peer.requests.map(({ request }) => request.settlement),
        [["escrow"]]
      )
    }).pipe(Effect.provide(market))
  )

  it.effect("streams the text as it comes, before the money goes", () =>
    Effect.gen(function* () {
      yield* TestPeer.open(profile, (job) =>
        Effect.gen(function* () {
          yield* locked(job)
          yield* job.chunk(0, "one ")
          yield* job.chunk(1, "two", { is_final: true, sha256: hash("sha256", "one two") })
          yield* job.claim(yield* job.released)
        })
      )
      const client = yield* ComputeClient
      const progress = yield* Stream.runCollect(client.streamInference(ask))
      const texts = progress.flatMap((one) => (one._tag === "Chunk" ? [one.text] : []))
      assert.strictEqual(texts.join(""), "one two")
    }).pipe(Effect.provide(market))
  )

  it.effect("shows the preimage to its provider alone", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open(profile, honest)
      const client = yield* ComputeClient
      const receipt = yield* client.requestInference(ask)
      const said = peer.requests.flatMap(({ followUps }) => followUps)
      assert.deepStrictEqual(
        said.map(({ type }) => type),
        ["HtlcLocked", "Private"]
      )
      for (const message of said)
        assert.notInclude(AgentMessage.stringify(message), receipt.preimage)
    }).pipe(Effect.provide(market))
  )

  it.effect("locks to another hash in every attempt, and our key brings each back", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open(profile, honest)
      const client = yield* ComputeClient
      const first = yield* client.requestInference(ask)
      const second = yield* client.requestInference(ask)
      assert.notStrictEqual(first.paymentHash, second.paymentHash)
      const derived = yield* Effect.forEach(peer.requests, ({ event }) =>
        OwnPreimage.derive(Signer.make(secret), { provider: peer.pubkey, salt: saltOf(event) })
      )
      assert.deepStrictEqual(derived.map(Redacted.value), [first.preimage, second.preimage])
    }).pipe(Effect.provide(TestMarket.market({ secret, options: { settlement: ["escrow"] } })))
  )

  it.effect("costs nothing where the provider gives up and lets the money go", () =>
    Effect.gen(function* () {
      yield* TestPeer.open(profile, (job) =>
        Effect.gen(function* () {
          const invoice = yield* locked(job)
          yield* job.fail
          yield* job.giveBack(invoice)
        })
      )
      const client = yield* ComputeClient
      const before = yield* TestMarket.balance
      const error = yield* Effect.flip(client.requestInference(ask))
      assert.strictEqual(error._tag, "ProviderRefused")
      assert.include(error.message, "Nothing was paid")
      assert.strictEqual(yield* TestMarket.balance, before)
      assert.strictEqual(yield* stateOf, "returned")
      const { held, spentEver } = yield* (yield* Treasury.Treasury).status
      assert.deepStrictEqual({ held, spentEver }, { held: 0, spentEver: 0 })
    }).pipe(Effect.provide(market))
  )

  it.effect("goes on with the next provider once the money is back", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ ...profile, price: sats(9) }, (job) =>
        Effect.gen(function* () {
          const paymentHash = yield* Effect.orDie(Effect.fromNullishOr(job.request.payment_hash))
          const invoice = yield* job.makeHold(sats(9), { paymentHash })
          yield* job.quote(invoice, { settlement: "escrow", hold: true })
          yield* job.isLocked(invoice)
          yield* job.giveBack(invoice)
        })
      )
      yield* TestPeer.open({ ...profile, name: "other" }, honest)
      const client = yield* ComputeClient
      const receipt = yield* client.requestInference(ask)
      assert.strictEqual(receipt.providerName, "other")
      assert.deepStrictEqual((yield* client.jobs()).map(({ state }) => state).toSorted(), [
        "delivered",
        "returned"
      ])
    }).pipe(Effect.provide(market))
  )

  it.effect("shows nothing where the books do not let it, and says that the money is locked", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open(profile, honest)
      const client = yield* ComputeClient
      const error = yield* Effect.flip(client.requestInference(ask))
      assert(error._tag === "DeliveryTimeout", error.message)
      assert.strictEqual(error.cost, 0)
      assert.isAtLeast(error.held ?? 0, price)
      assert.strictEqual(yield* stateOf, "locked")
      assert.deepStrictEqual(
        peer.requests.flatMap(({ followUps }) => followUps.map(({ type }) => type)),
        ["HtlcLocked"]
      )
    }).pipe(
      Effect.provide(
        TestMarket.customer({ options: { settlement: ["escrow"] } }, neverReleasing).pipe(
          Layer.provideMerge(TestMarket.world)
        )
      )
    )
  )

  it.effect("is not asked of a provider that does not offer it", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open(
        { ...profile, announcement: { settlements: ["upfront"] } },
        honest
      )
      const client = yield* ComputeClient
      const error = yield* Effect.flip(client.requestInference(ask))
      assert.strictEqual(error._tag, "SettlementUnavailable")
      assert.include(error.message, "no provider offers escrow")
      assert.lengthOf(peer.requests, 0)
    }).pipe(Effect.provide(market))
  )

  it.effect(
    "is not asked for with a wallet that cannot lock, and upfront is if that is wanted",
    () =>
      Effect.gen(function* () {
        yield* TestPeer.open(profile, TestPeer.honest(price))
        const client = yield* ComputeClient
        const error = yield* Effect.flip(
          client.requestInference({ ...ask, settlement: ["escrow"] })
        )
        assert.strictEqual(error._tag, "SettlementUnavailable")
        assert.include(error.message, "the wallet cannot lock money")
        const receipt = yield* client.requestInference({
          ...ask,
          settlement: ["escrow", "upfront"]
        })
        assert.strictEqual(receipt.settlement, "upfront")
      }).pipe(
        Effect.provide(
          TestMarket.market({
            wallet: (real) => ({
              ...real,
              info: Effect.map(real.info, (info) => ({
                ...info,
                capabilities: { ...info.capabilities, lock: false }
              }))
            })
          })
        )
      )
  )
})
