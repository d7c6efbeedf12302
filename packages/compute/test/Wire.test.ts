import { assert, describe, it } from "@effect/vitest"
import { AgentMessage, Channel, Filter, NostrEvent } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Effect, Layer, Option, Stream } from "effect"
import { hash } from "node:crypto"
import { ComputeClient } from "../src/ComputeClient.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import { passing } from "./TestTime.ts"

const { sats } = TestMarket
const price = sats(10)
const wish = { prompt: "hello", budget: sats(100) }

const buy = Effect.flatMap(ComputeClient, (client) => passing(client.requestInference(wish)))

describe("what goes out", () => {
  it.effect("is the seed's request with our additions, salted, in the provider's channel", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open({ name: "peer", price }, TestPeer.honest(price))
      const client = yield* ComputeClient
      yield* client.requestInference({ ...wish, maxTokens: 7, model: "tiny" })
      const [job] = peer.requests
      assert.deepStrictEqual(job?.request, {
        type: "JobRequest",
        kind: 5050,
        prompt: "hello",
        max_tokens: 7,
        target_provider: peer.pubkey,
        model: "tiny",
        stream: false,
        max_price_msats: price,
        settlement: ["upfront"],
        expires_at: 120
      })
      assert.deepStrictEqual(Channel.channelOf(job!.event), Option.some(peer.channel))
      assert.match(NostrEvent.tagValue(job!.event, "salt") ?? "", /^[0-9a-f]{16}$/)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("tells of the payment by its hash, never by its preimage", () =>
    Effect.gen(function* () {
      let word: object | undefined
      yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          word = yield* job.paymentSent
          yield* job.result("done")
        })
      )
      const receipt = yield* buy
      assert.deepStrictEqual(word, {
        type: "PaymentSent",
        payment_id: receipt.paymentHash,
        job_id: AgentMessage.jobIdOf(receipt.request)
      })
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("equal requests of one second are two events", () =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open({ name: "peer", price }, TestPeer.honest(price))
      const client = yield* ComputeClient
      const once = client.requestInference(wish)
      yield* Effect.all([once, once], { concurrency: 2 })
      assert.strictEqual(new Set(peer.requests.map(({ event }) => event.id)).size, 2)
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("a peer that knows only the seed's eight messages", () => {
  /** Its own job id, the reply tag, and none of our fields. */
  const legacy = (deliver: (job: TestPeer.Job) => Effect.Effect<unknown>) => (job: TestPeer.Job) =>
    Effect.gen(function* () {
      const invoice = yield* job.makeInvoice(price)
      yield* job.say({
        type: "Invoice",
        job_id: "job-123",
        bolt11: invoice.bolt11,
        amount_msats: price
      })
      const word = yield* job.paymentSent
      if (word.job_id === "job-123") yield* deliver(job)
    })

  const profile = { name: "legacy", price, tagsAnswers: false }

  it.effect("sells a result", () =>
    Effect.gen(function* () {
      yield* TestPeer.open(
        profile,
        legacy((job) => job.say({ type: "JobResult", job_id: "job-123", result: "Paris" }))
      )
      const receipt = yield* buy
      assert.strictEqual(receipt.text, "Paris")
      assert.strictEqual(receipt.resultSha256, hash("sha256", "Paris"))
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("sells a stream, in the order of arrival", () =>
    Effect.gen(function* () {
      yield* TestPeer.open(
        profile,
        legacy((job) =>
          Effect.forEach(["Pa", "ri", "s"], (chunk, at) =>
            job.say({ type: "StreamChunk", job_id: "job-123", chunk, is_final: at === 2 })
          )
        )
      )
      const client = yield* ComputeClient
      const progress = yield* passing(Stream.runCollect(client.streamInference(wish)))
      const texts = progress.flatMap((one) => (one._tag === "Chunk" ? [one.text] : []))
      assert.deepStrictEqual(texts, ["Pa", "ri", "s"])
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("what is no answer", () => {
  it.effect("strangers in the channel cannot quote, deliver or fail a job", () =>
    Effect.gen(function* () {
      const stranger = yield* TestPeer.make({ name: "stranger" })
      yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          const forged = { type: "JobResult", job_id: job.jobId, request_id: job.event.id } as const
          yield* job.say(
            { type: "JobError", request_id: job.event.id, code: "over_capacity", message: "" },
            { as: stranger.signer }
          )
          yield* job.say({ ...forged, result: "forged" }, { as: stranger.signer })
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* job.say({ ...forged, result: "forged" }, { as: stranger.signer })
          yield* job.result("genuine")
        })
      )
      assert.strictEqual((yield* buy).text, "genuine")
    }).pipe(Effect.provide(TestMarket.market()))
  )

  const other = NostrEvent.EventId.make("1".repeat(64))
  const disagreeing: ReadonlyArray<
    readonly [what: string, (job: TestPeer.Job) => Effect.Effect<unknown>]
  > = [
    [
      "replies to another request",
      (job) =>
        job.say(
          { type: "JobResult", job_id: job.jobId, request_id: job.event.id, result: "wrong" },
          { reply: other }
        )
    ],
    [
      "names another request",
      (job) => job.say({ type: "JobResult", job_id: job.jobId, request_id: other, result: "wrong" })
    ],
    [
      "names another job",
      (job) => job.say({ type: "JobResult", job_id: AgentMessage.jobIdOf(other), result: "wrong" })
    ],
    [
      "names nothing but a job id of its own",
      (job) => job.say({ type: "JobResult", job_id: "job-123", result: "wrong" }, { loose: true })
    ]
  ]
  it.effect.each(disagreeing)("one that %s", ([, say]) =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "peer", price, tagsAnswers: false }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* say(job)
          yield* job.result("right")
        })
      )
      assert.strictEqual((yield* buy).text, "right")
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("the job id of the request alone is enough", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "peer", price, tagsAnswers: false }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* job.say({ type: "JobResult", job_id: job.jobId, result: "right" }, { loose: true })
        })
      )
      assert.strictEqual((yield* buy).text, "right")
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("a second invoice is not paid", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "peer", price }, (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.invoice(price)
          yield* job.paymentSent
          yield* job.invoice(price)
          yield* job.result("once")
        })
      )
      const before = yield* TestMarket.balance
      const receipt = yield* buy
      assert.strictEqual(before - (yield* TestMarket.balance), receipt.cost)
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("the subscription", () => {
  /** What the customer asks relays for. */
  const watched = Effect.gen(function* () {
    const relay = yield* Relay.Relay
    const asked: Array<Filter.Filter> = []
    const spy = Layer.succeed(
      Relay.Relay,
      Relay.Relay.of({
        ...relay,
        subscribe: (filters, options) => {
          asked.push(...filters.filter(({ kinds }) => kinds?.includes(Channel.messageKind)))
          return relay.subscribe(filters, options)
        }
      })
    )
    return { asked, customer: TestMarket.customer().pipe(Layer.provide(spy)) }
  })

  const filterFor = (tagsAnswers: boolean) =>
    Effect.gen(function* () {
      const peer = yield* TestPeer.open(
        { name: "peer", price, tagsAnswers },
        TestPeer.honest(price)
      )
      const { asked, customer } = yield* watched
      yield* Effect.gen(function* () {
        const client = yield* ComputeClient
        yield* Effect.all(
          Array.from({ length: 50 }, () => client.requestInference(wish)),
          { concurrency: "unbounded" }
        )
      }).pipe(Effect.provide(customer))
      return { asked, peer }
    })

  it.effect("is one for fifty jobs, for answers to us where the provider tags them", () =>
    Effect.gen(function* () {
      const { asked, peer } = yield* filterFor(true)
      assert.strictEqual(asked.length, 1)
      assert.deepStrictEqual(asked[0]?.authors, [peer.pubkey])
      assert.deepStrictEqual(asked[0]?.["#e"], [peer.channel])
      assert.deepStrictEqual(asked[0]?.["#p"], [peer.requests[0]!.event.pubkey])
    }).pipe(Effect.provide(TestMarket.world))
  )

  it.effect("is for all that the provider says where it does not", () =>
    Effect.gen(function* () {
      const { asked } = yield* filterFor(false)
      assert.strictEqual(asked.length, 1)
      assert.isUndefined(asked[0]?.["#p"])
    }).pipe(Effect.provide(TestMarket.world))
  )
})
