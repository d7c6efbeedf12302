/**
 * Providers who deliver under seal: what is not whole as they have signed for it is not paid, and
 * what is whole and garbage costs one price and is proven.
 */
import { assert, layer } from "@effect/vitest"
import type { ComputeClient } from "@farthing/compute"
import {
  type AgentMessage,
  Bolt11,
  Key,
  Msat,
  NostrEvent,
  type Sealed,
  SealedEvidence
} from "@farthing/protocol"
import { Signer } from "@farthing/relay"
import { Deferred, Effect, Option, Redacted, Schedule } from "effect"
import { hash, randomBytes } from "node:crypto"
import * as TestSealing from "../../packages/compute/test/TestSealing.ts"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import type * as Peer from "../src/Peer.ts"
import type * as People from "../src/People.ts"
import * as Settling from "../src/Settling.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

/** For trials in which something comes, and then no more. */
const impatient = {
  FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "1 second",
  FARTHING_COMPUTE_IDLE_TIMEOUT: "1 second"
}

const meet = (script: Peer.Script, environment?: People.Environment) =>
  Deal.meet(script, Settling.by("sealed", environment))

/** Quotes what is sealed, and says this of it; takes the money if there is any. */
const offers =
  (say: (job: Peer.Job, sealed: Settling.SealedJob) => Effect.Effect<unknown>): Peer.Script =>
  (job) =>
    Effect.gen(function* () {
      const sealed = yield* Settling.seal(job)
      yield* Settling.quoteSealed(job, sealed)
      yield* say(job, sealed)
      yield* Settling.claimSealed(job, sealed)
    })

type Undelivered = "DeliveryTimeout" | "DeliveryInvalid"

/** No money moves. */
const isNotPaid = (
  { tag, words }: { readonly tag: Undelivered; readonly words: string },
  say: Parameters<typeof offers>[0]
) =>
  Effect.gen(function* () {
    const { customer, peer } = yield* meet(offers(say), impatient)
    const error = yield* Effect.flip(Deal.buy(customer))
    assert(error._tag === tag, `${error._tag}: ${error.message}`)
    assert.include(error.message, words)
    assert.include(error.message, "Nothing was paid")
    assert.strictEqual(error.cost, Msat.zero)
    assert.deepStrictEqual(yield* Books.of(customer), Books.untouched)
    assert.strictEqual(yield* Books.earned(peer.account), 0)
    const [job] = yield* customer.client.jobs()
    assert.strictEqual(job?.state, tag === "DeliveryTimeout" ? "unanswered" : "rejected")
  })

/** With a commitment that differs in one thing. */
const commits = (
  words: string,
  change: (sealed: Settling.SealedJob) => Partial<AgentMessage.SealedResult>
) =>
  isNotPaid({ tag: "DeliveryInvalid", words }, (job, sealed) =>
    Effect.gen(function* () {
      for (const chunk of sealed.chunks) yield* job.say(chunk)
      yield* job.say({ ...sealed.commitment, ...change(sealed) })
    })
  )

/** One price is lost, and whoever is shown the evidence sees what for. */
const isProvenGarbage = (forge: (job: Peer.Job, sealed: Settling.SealedJob) => Forged) =>
  Effect.gen(function* () {
    const locks: Array<Sealed.Lock> = []
    const { customer, peer } = yield* meet((job) =>
      Effect.gen(function* () {
        const sealed = yield* Settling.seal(job)
        locks.push(sealed.lock)
        const forged = Settling.withChunks(job, sealed, forge(job, sealed))
        yield* Settling.saySealed(job, forged)
        yield* Settling.claimSealed(job, forged)
      })
    )
    const error = yield* Effect.flip(Deal.buy(customer))
    assert(error._tag === "DeliveryInvalid", `${error._tag}: ${error.message}`)
    assert.strictEqual(error.cost, price + Stage.fee)
    assert.include(error.message, "evidence")
    yield* Books.closing(customer, Books.paid(price))
    assert.strictEqual(yield* Books.earned(peer.account), price)
    assert.strictEqual((yield* Deal.recordOf(customer, peer)).lost, 1)
    assert.deepStrictEqual(yield* customer.client.receipts(), [])

    const [job] = yield* customer.client.jobs()
    assert(job !== undefined)
    assert.strictEqual(job.state, "lost")
    const detail = Option.getOrThrow(yield* customer.client.findJob(job.request))
    const examined = SealedEvidence.examine(evidenceOf(detail, locks[0]))
    assert.isTrue(SealedEvidence.isSound(examined), JSON.stringify(examined.findings))
    assert.isFalse(examined.findings.find(({ about }) => about === "contents")?.holds)
  })

type Forged = ReadonlyArray<AgentMessage.SealedChunk>

/** What the journal has kept, for a judge. */
const evidenceOf = (detail: ComputeClient.JobDetail, lock: Sealed.Lock | undefined) => {
  const { offer, payment, request, sealed } = detail
  const commitment = sealed.at(-1)
  assert(offer !== undefined && payment !== undefined && commitment !== undefined)
  assert(lock !== undefined)
  return SealedEvidence.make({
    request: request.event,
    bolt11: offer.bolt11,
    commitment,
    parts: sealed.slice(0, -1),
    paid: Option.some({ preimage: payment.preimage, lock })
  })
}

layer(Stage.layer, { excludeTestServices: true, concurrent: true })(
  "what a provider delivers under seal",
  (it) => {
    it.effect("is paid once it is whole, opened by what the payment shows, and delivered", () =>
      Effect.gen(function* () {
        const { customer, peer } = yield* meet(Settling.honestSealed("an ", "honest ", "answer"))
        const receipt = yield* Deal.buy(customer)
        assert.strictEqual(receipt.text, "an honest answer")
        assert.strictEqual(receipt.settlement, "sealed")
        assert.strictEqual(Bolt11.hashOf(receipt.preimage), receipt.paymentHash)
        yield* Books.closing(customer, Books.paid(price))
        assert.strictEqual(yield* Books.earned(peer.account), price)
        assert.notInclude(peer.requests[0]?.followUps.map(({ type }) => type) ?? [], "Private")
        assert.strictEqual((yield* Deal.recordOf(customer, peer)).delivered, 1)
      })
    )

    it.effect("may come in any order, and more than once", () =>
      Effect.gen(function* () {
        const { customer } = yield* meet(
          offers((job, { chunks, commitment }) =>
            Effect.gen(function* () {
              yield* job.say(commitment)
              for (const chunk of chunks.toReversed()) yield* job.say(chunk)
              for (const chunk of chunks) yield* job.say(chunk)
            })
          )
        )
        assert.strictEqual((yield* Deal.buy(customer)).text, "an honest answer")
        yield* Books.closing(customer, Books.paid(price))
      })
    )

    it.effect("is the provider's alone: what strangers say in its place is not heard", () =>
      Effect.gen(function* () {
        const stranger = { as: Signer.make(Key.generate()) }
        const { customer } = yield* meet(
          offers((job, { chunks, commitment }) =>
            Effect.gen(function* () {
              for (const chunk of chunks) yield* job.say({ ...chunk, ciphertext: "AAAA" }, stranger)
              yield* job.say({ ...commitment, chunks: 1 }, stranger)
              for (const chunk of chunks) yield* job.say(chunk)
              yield* job.say({ ...commitment, chunks: 1 }, stranger)
              yield* job.say(commitment)
            })
          )
        )
        assert.strictEqual((yield* Deal.buy(customer)).text, "an honest answer")
        yield* Books.closing(customer, Books.paid(price))
      })
    )

    it.effect("is not paid by a refund that is on offer, nor is one asked for", () =>
      Effect.gen(function* () {
        const { customer, peer } = yield* meet(
          offers((job, { chunks, commitment }) =>
            Effect.gen(function* () {
              yield* job.offerRefund(Msat.make(4_000))
              for (const chunk of chunks) yield* job.say(chunk)
              yield* job.say(commitment)
              yield* job.offerRefund(Msat.make(4_000))
            })
          )
        )
        assert.strictEqual((yield* Deal.buy(customer)).text, "an honest answer")
        yield* Books.closing(customer, Books.paid(price))
        assert.lengthOf(peer.refundInvoices, 0)
      })
    )

    it.effect("is not paid if it never comes", () =>
      isNotPaid({ tag: "DeliveryTimeout", words: "0 sealed pieces" }, () => Effect.void)
    )

    it.effect("is not paid if its end is missing", () =>
      isNotPaid({ tag: "DeliveryTimeout", words: "no end in time" }, (job, { chunks }) =>
        Effect.forEach(chunks, (chunk) => job.say(chunk))
      )
    )

    it.effect("is not paid if a piece is missing", () =>
      isNotPaid({ tag: "DeliveryTimeout", words: "1 sealed pieces" }, (job, sealed) =>
        Effect.andThen(job.say(sealed.chunks[1]!), job.say(sealed.commitment))
      )
    )

    it.effect("is not paid if its pieces stand in each other's places", () =>
      isNotPaid(
        { tag: "DeliveryInvalid", words: "not the ones that it is committed to" },
        (job, { chunks: [first, second], commitment }) =>
          Effect.gen(function* () {
            yield* job.say({ ...first!, ciphertext: second!.ciphertext })
            yield* job.say({ ...second!, ciphertext: first!.ciphertext })
            yield* job.say(commitment)
          })
      )
    )

    it.effect("is not paid if a piece is cut short", () =>
      isNotPaid(
        { tag: "DeliveryInvalid", words: "not the ones that it is committed to" },
        (job, { chunks: [first, second], commitment }) =>
          Effect.gen(function* () {
            yield* job.say({ ...first!, ciphertext: first!.ciphertext.slice(0, -4) })
            yield* job.say(second!)
            yield* job.say(commitment)
          })
      )
    )

    it.effect("is not paid if its digest is another", () =>
      commits("not the ones that it is committed to", () => ({
        ciphertext_sha256: "0".repeat(64)
      }))
    )

    it.effect("is not paid if it is committed to another invoice", () =>
      commits("another invoice", () => ({ bolt11_sha256: hash("sha256", "lnbcrt1") }))
    )

    it.effect("is not paid if it is committed to another payment hash", () =>
      commits("another payment hash", () => ({
        payment_hash: Bolt11.hashOf(Settling.newPreimage())
      }))
    )

    it.effect("is not paid if it is sealed in a way that nobody knows", () =>
      commits("a way that we do not know", () => ({ alg: "rot13" }))
    )

    it.effect("is not paid if it has no pieces", () => commits("no pieces", () => ({ chunks: 0 })))

    it.effect("is not paid if it has more pieces than anybody takes", () =>
      commits("more than", () => ({ chunks: Number.MAX_SAFE_INTEGER }))
    )

    it.effect("is garbage if it is noise, and that is proven", () =>
      isProvenGarbage((_, { chunks }) =>
        chunks.map((chunk) => ({ ...chunk, ciphertext: randomBytes(1_060).toString("base64") }))
      )
    )

    it.effect("is garbage if it was sealed with another preimage", () =>
      isProvenGarbage((job, { lock }) => {
        const other = { ...lock, preimage: Redacted.make(Settling.newPreimage()) }
        return TestSealing.sealedOf(other, TestSealing.piecesOf(job.event.id, ["nonsense"]))
      })
    )

    it.effect("is garbage if it was sealed for another request", () =>
      isProvenGarbage((job, { lock }) => {
        const other = { ...lock, requestId: NostrEvent.EventId.make("0".repeat(64)) }
        return TestSealing.sealedOf(other, TestSealing.piecesOf(job.event.id, ["replayed"])).map(
          (chunk) => ({ ...chunk, request_id: job.event.id })
        )
      })
    )

    it.effect("is garbage if it was swapped before it was committed to", () =>
      isProvenGarbage((_, { chunks: [first, second] }) => [
        { ...first!, ciphertext: second!.ciphertext },
        { ...second!, ciphertext: first!.ciphertext }
      ])
    )

    it.effect("is garbage if the text inside is not the one that it says", () =>
      isProvenGarbage((job, { lock }) =>
        TestSealing.sealedOf(
          lock,
          TestSealing.piecesOf(job.event.id, ["half a ", "text"]).map((piece) =>
            piece.is_final ? { ...piece, sha256: "0".repeat(64) } : piece
          )
        )
      )
    )

    it.effect("is garbage if the text inside has no end", () =>
      isProvenGarbage((job, { lock }) =>
        TestSealing.sealedOf(lock, [job.chunkOf(0, "half a "), job.chunkOf(1, "text")])
      )
    )

    it.effect("is garbage if there is no text inside, but a bill", () =>
      isProvenGarbage((job, { invoice, lock }) =>
        TestSealing.sealedOf(lock, [job.quoteOf(invoice), job.quoteOf(invoice)])
      )
    )

    it.effect("costs nothing where the provider lets the money come back", () =>
      Effect.gen(function* () {
        const { customer, peer } = yield* meet((job) =>
          Effect.gen(function* () {
            const sealed = yield* Settling.seal(job)
            yield* Settling.saySealed(job, sealed)
            yield* job.htlcLocked
            yield* job.giveBack(sealed.invoice)
          })
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert.strictEqual(error._tag, "ProviderRefused", error.message)
        yield* Books.closing(customer, Books.untouched)
        assert.strictEqual(yield* Books.earned(peer.account), 0)
        const [job] = yield* customer.client.jobs()
        assert.strictEqual(job?.state, "returned")
      })
    )

    it.effect("whose money the provider never takes is asked of others from then on", () =>
      Effect.gen(function* () {
        const { customer, peer, place } = yield* meet(
          (job) => Effect.flatMap(Settling.seal(job), (sealed) => Settling.saySealed(job, sealed)),
          { FARTHING_COMPUTE_PAYMENT_TIMEOUT: "2 seconds" }
        )
        const terms = Settling.by("sealed")
        const next = yield* Deal.opens(
          place,
          { ...terms, profile: { ...terms.profile, price: Msat.make(price + 1_000) } },
          Settling.honestSealed()
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert.strictEqual(error._tag, "PaymentUnknown", error.message)
        assert.strictEqual((yield* Deal.buy(customer)).provider, next.pubkey)
        assert.lengthOf(peer.requests, 1)
      })
    )

    it.effect("is opened by recovery where the provider takes its money late", () =>
      Effect.gen(function* () {
        const late = yield* Deferred.make<void>()
        const { customer, peer } = yield* meet(
          (job) =>
            Effect.gen(function* () {
              const sealed = yield* Settling.seal(job)
              yield* Settling.saySealed(job, sealed)
              yield* Deferred.await(late)
              yield* Settling.claimSealed(job, sealed)
            }),
          { FARTHING_COMPUTE_PAYMENT_TIMEOUT: "2 seconds" }
        )
        const error = yield* Effect.flip(Deal.buy(customer))
        assert.strictEqual(error._tag, "PaymentUnknown", error.message)
        assert.deepStrictEqual(yield* Books.of(customer), Books.locked(price))
        yield* Deferred.succeed(late, undefined)
        yield* Effect.repeat(customer.client.recover, {
          until: (recovered) => recovered.some(({ receipt }) => receipt !== undefined),
          schedule: Schedule.spaced("100 millis")
        })
        assert.strictEqual((yield* customer.client.receipts())[0]?.text, "an honest answer")
        yield* Books.closing(customer, Books.paid(price))
        assert.strictEqual(yield* Books.earned(peer.account), price)
      })
    )
  }
)
