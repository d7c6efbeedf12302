/**
 * Providers that take the money and deliver badly, late or not at all: the customer pays once, is
 * told what it cost, and never takes half a text for a whole one.
 */
import { assert, layer } from "@effect/vitest"
import type { ComputeClient, ComputeError } from "@farthing/compute"
import { NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Stream } from "effect"
import { hash } from "node:crypto"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import * as Peer from "../src/Peer.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

/** Quotes, is paid, and then does this. */
const afterPayment =
  (script: Peer.Script): Peer.Script =>
  (job) =>
    Effect.andThen(Effect.flatMap(job.invoice(price), job.isPaid), script(job))

/** For trials in which nothing ever comes. */
const hasty = { FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "1 second" }

/** For trials in which something comes, and then no more. */
const impatient = { FARTHING_COMPUTE_IDLE_TIMEOUT: "2 seconds" }

/** Streams a purchase to its end, whatever it is. */
const listen = (customer: People.Customer) =>
  Effect.gen(function* () {
    const chunks: Array<string> = []
    const told = yield* customer.client
      .streamInference({ prompt: "hello", budget: Deal.budget })
      .pipe(
        Stream.tap((progress) =>
          Effect.sync(() => {
            if (progress._tag === "Chunk") chunks.push(progress.text)
          })
        ),
        Stream.runLast,
        Effect.result
      )
    return { shown: chunks.join(""), told }
  })

type Lost = "DeliveryTimeout" | "DeliveryTruncated" | "DeliveryInvalid"

interface Loss {
  readonly tag: Lost
  readonly words: string
  /** What of the text the caller has seen by then. */
  readonly shown?: string
}

/** The money is gone, the caller is told how much, and the provider's record says so. */
const loses = (loss: Loss, script: Peer.Script, environment: People.Environment = {}) =>
  Effect.gen(function* () {
    const { customer, peer } = yield* Deal.meet(afterPayment(script), { environment })
    const { shown, told } = yield* listen(customer)
    assert(told._tag === "Failure")
    const error: ComputeError.ComputeError = told.failure
    assert(error._tag === loss.tag, `${error._tag}: ${error.message}`)
    assert.strictEqual(error.cost, price + Stage.fee)
    assert.include(error.message, loss.words)
    assert.strictEqual(shown, loss.shown ?? "")
    assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
    assert.strictEqual(yield* Books.earned(peer.account), price)
    assert.deepStrictEqual(Deal.deedsOf(yield* Deal.recordOf(customer, peer)), {
      jobs: 1,
      delivered: 0,
      lost: 1,
      refused: 0,
      rejected: 0
    })
    const [job] = yield* customer.client.jobs()
    assert.strictEqual(job?.state, "lost")
  })

/** The text arrives whole, and was paid for once. */
const delivers = (text: string, script: Peer.Script) =>
  Effect.gen(function* () {
    const { customer, peer } = yield* Deal.meet(script)
    const { shown, told } = yield* listen(customer)
    assert(told._tag === "Success", String(told))
    const receipt = receiptOf(told.success)
    assert.strictEqual(receipt?.text, text)
    assert.strictEqual(shown, text)
    assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
    assert.strictEqual(yield* Books.earned(peer.account), price)
    assert.strictEqual((yield* Deal.recordOf(customer, peer)).delivered, 1)
  })

const receiptOf = (last: { readonly _tag: string; readonly value?: ComputeClient.Progress }) =>
  last.value?._tag === "Done" ? last.value.receipt : undefined

/** The id of a request that nobody made. */
const nothing = NostrEvent.EventId.make("0".repeat(64))

const finalOf = (text: string) => ({ is_final: true, sha256: hash("sha256", text) })

layer(Stage.layer, { excludeTestServices: true, concurrent: true })(
  "providers that deliver as they should not",
  (it) => {
    it.effect("a provider that never delivers costs one payment and its good name", () =>
      loses(
        { tag: "DeliveryTimeout", words: "nothing was delivered in time" },
        () => Effect.void,
        hasty
      )
    )

    it.effect("a provider that stops in the middle has not delivered", () =>
      loses(
        { tag: "DeliveryTruncated", words: "stopped after 2 pieces", shown: "half a text" },
        (job) => Effect.andThen(job.chunk(0, "half a "), job.chunk(1, "text")),
        impatient
      )
    )

    it.effect("a text with a missing piece is not delivered, nor shown beyond the gap", () =>
      loses(
        { tag: "DeliveryTruncated", words: "without its end", shown: "one " },
        (job) =>
          Effect.gen(function* () {
            yield* job.chunk(0, "one ")
            yield* job.chunk(2, "three", finalOf("one two three"))
          }),
        impatient
      )
    )

    it.effect("a text that has not the digest announced is not delivered", () =>
      loses(
        { tag: "DeliveryInvalid", words: "digest" },
        (job) => job.result("another text", { sha256: hash("sha256", "the text") }),
        impatient
      )
    )

    it.effect("a text that is too large is cut off", () =>
      loses({ tag: "DeliveryInvalid", words: "more than 4194304 bytes" }, (job) =>
        Effect.forEach(
          Array.from({ length: 110 }, (_, seq) => seq),
          // The first piece is missing, so that nothing is shown.
          (seq) => job.chunk(seq + 1, "x".repeat(40_000)),
          { concurrency: 8 }
        )
      )
    )

    it.effect("a piece with an absurd number is not waited for", () =>
      loses({ tag: "DeliveryInvalid", words: "pieces" }, (job) =>
        job.chunk(Number.MAX_SAFE_INTEGER, "far away")
      )
    )

    it.effect("a text without an end is given up when the time of the job is over", () =>
      Effect.gen(function* () {
        const { customer, peer } = yield* Deal.meet(
          afterPayment((job) =>
            Effect.gen(function* () {
              for (let seq = 0; ; seq++) {
                yield* job.chunk(seq, "and ")
                yield* Effect.sleep("50 millis")
              }
            })
          ),
          { environment: { FARTHING_COMPUTE_JOB_TIMEOUT: "5 seconds" } }
        )
        const { told } = yield* listen(customer)
        assert(told._tag === "Failure")
        assert(told.failure._tag === "DeliveryTruncated", told.failure.message)
        assert.strictEqual(told.failure.cost, price + Stage.fee)
        assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
        assert.strictEqual((yield* Deal.recordOf(customer, peer)).lost, 1)
      })
    )

    it.effect("words about progress buy a provider no time", () =>
      loses(
        { tag: "DeliveryTimeout", words: "nothing was delivered in time" },
        (job) =>
          job
            .say({ type: "JobStatus", request_id: job.event.id, status: "processing" })
            .pipe(Effect.andThen(Effect.sleep("200 millis")), Effect.forever),
        hasty
      )
    )

    it.effect("a piece that comes again and again buys a provider no time", () =>
      loses(
        { tag: "DeliveryTruncated", words: "stopped after 1 pieces", shown: "well, " },
        (job) =>
          Effect.flatMap(UnixTime.now, (createdAt) =>
            job
              .say(job.chunkOf(0, "well, "), { createdAt })
              .pipe(Effect.andThen(Effect.sleep("200 millis")), Effect.forever)
          ),
        impatient
      )
    )

    it.effect("a provider that fails after it was paid has not delivered", () =>
      loses({ tag: "DeliveryInvalid", words: "inference_failed" }, (job) =>
        job.say({
          type: "JobError",
          job_id: job.jobId,
          request_id: job.event.id,
          code: "inference_failed",
          message: "no luck"
        })
      )
    )

    it.effect("a provider that took money without delivering is not asked again", () =>
      Effect.gen(function* () {
        const { customer, peer } = yield* Deal.meet(
          afterPayment(() => Effect.void),
          { environment: hasty }
        )
        yield* Effect.flip(Deal.buy(customer))
        const error = yield* Effect.flip(Deal.buy(customer))
        assert(error._tag === "NoProviderWithinBudget", error.message)
        assert.include(error.message, "took money without delivering")
        assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
        assert.lengthOf(peer.requests, 1)
      })
    )

    it.effect("a purchase whose money went to a thief does not pay the next provider", () =>
      Effect.gen(function* () {
        const { customer, peer, place } = yield* Deal.meet(
          afterPayment(() => Effect.void),
          { environment: hasty }
        )
        const honest = yield* Peer.open(place, { name: "honest", price }, Peer.honest(price))
        const error = yield* Effect.flip(
          Deal.buy(customer, { selection: { order: [peer.pubkey] } })
        )
        assert.strictEqual(error._tag, "DeliveryTimeout")
        assert.lengthOf(honest.requests, 0)
        assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
      })
    )

    it.effect("a result that comes after the loss was written down is collected by recovery", () =>
      Effect.gen(function* () {
        const { customer, peer } = yield* Deal.meet(
          afterPayment(() => Effect.void),
          { environment: hasty }
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert.strictEqual(error._tag, "DeliveryTimeout")
        yield* peer.requests[0]!.result("better late")
        const recovered = yield* customer.client.recover
        assert.deepStrictEqual(
          recovered.map(({ job, receipt }) => [job.state, receipt?.text]),
          [["delivered", "better late"]]
        )
        assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
        assert.strictEqual((yield* Deal.recordOf(customer, peer)).lost, 0)
      })
    )

    it.effect("a quote that is taken back before the payment is not paid", () =>
      Effect.gen(function* () {
        const { customer, peer } = yield* Deal.meet((job) =>
          Effect.gen(function* () {
            // Both at once: the refusal waits behind the invoice.
            const refusal = job.say({
              type: "JobError",
              request_id: job.event.id,
              code: "over_capacity",
              message: "changed my mind"
            })
            yield* refusal
            yield* job.invoice(price)
          })
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert(error._tag === "ProviderRefused", error.message)
        assert.include(error.message, "changed my mind")
        assert.deepStrictEqual(yield* Books.of(customer), Books.untouched)
        assert.strictEqual(yield* Books.earned(peer.account), 0)
      })
    )

    it.effect("a result before the payment is paid for once and delivered", () =>
      delivers("too early", (job) =>
        Effect.gen(function* () {
          yield* job.invoice(price)
          yield* job.result("too early")
        })
      )
    )

    it.effect("a result before the invoice is paid for once and delivered", () =>
      delivers("far too early", (job) =>
        Effect.gen(function* () {
          yield* job.result("far too early")
          yield* job.invoice(price)
        })
      )
    )

    it.effect("a result for another job is passed over", () =>
      delivers(
        "for this job",
        afterPayment((job) =>
          Effect.gen(function* () {
            const other = { request_id: nothing, job_id: "job_0000000000000000" }
            yield* job.result("for another job", other)
            yield* job.result("by its request alone", { request_id: nothing })
            yield* job.result("by its name alone", { job_id: "job_0000000000000000" })
            yield* job.say(job.resultOf("by its tag alone"), { reply: nothing })
            yield* job.result("for this job")
          })
        )
      )
    )

    it.effect("pieces out of order and twice make one text in order", () =>
      delivers(
        "one two three four",
        afterPayment((job) =>
          Effect.gen(function* () {
            const [one, two, three, four] = yield* Effect.all([
              job.draft(job.chunkOf(0, "one ")),
              job.draft(job.chunkOf(1, "two ")),
              job.draft(job.chunkOf(2, "three ")),
              job.draft(job.chunkOf(3, "four", finalOf("one two three four")))
            ])
            yield* Effect.forEach([three, one, one, four, four, two], job.publish)
          })
        )
      )
    )

    it.effect("pieces behind the final one are not part of the text", () =>
      delivers(
        "the end",
        afterPayment((job) =>
          Effect.gen(function* () {
            const the = yield* job.draft(job.chunkOf(0, "the "))
            yield* job.chunk(1, "end", finalOf("the end"))
            yield* job.chunk(2, " is near")
            yield* job.chunk(3, "!", { is_final: true })
            yield* job.publish(the)
          })
        )
      )
    )
  }
)
