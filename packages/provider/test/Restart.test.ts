import { assert, describe, it } from "@effect/vitest"
import { ProviderBook } from "@farthing/provider"
import { Relay } from "@farthing/relay"
import { Deferred, Effect, Exit, Queue, Scope, Stream } from "effect"
import { hash } from "node:crypto"
import { performance } from "node:perf_hooks"
import * as Market from "./support/Market.ts"

const refusal = new Relay.RelayError({
  reason: new Relay.QuorumMissed({ accepted: 0, quorum: 1, message: "blocked: spam" })
})

describe("a quote that was booked just before a crash", () => {
  it.live("is said after the restart, in the bytes that were booked", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const scope = yield* Scope.make()
      const booked = yield* Deferred.make<string>()
      const dead = yield* Market.start(secret).pipe(
        Market.withBook((book) => ({
          ...book,
          quoted: (provider, job, quote) =>
            book
              .quoted(provider, job, quote)
              .pipe(
                Effect.andThen(Deferred.succeed(booked, quote.id)),
                Effect.andThen(Effect.never)
              )
        })),
        Scope.provide(scope)
      )
      const buyer = yield* Market.customer(dead)
      const request = yield* buyer.ask({ model: "small" })
      const id = yield* Deferred.await(booked)
      yield* Scope.close(scope, Exit.void)
      yield* Market.start(secret)
      const { event, message } = yield* buyer.hear("Invoice")
      assert.strictEqual(event.id, id)
      assert.strictEqual(message.request_id, request.id)
      yield* buyer.pay(message.bolt11)
      yield* buyer.hear("JobResult")
    }).pipe(Market.inMarket)
  )
})

describe("a process that dies in the middle of a stream", () => {
  it.live("is followed by a text whose every piece is dated after its last possible one", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const scope = yield* Scope.make()
      const book = yield* ProviderBook.ProviderBook
      let until = 0
      // It is killed: it neither finishes nor lets go.
      const dead = yield* Market.start(
        secret,
        [() => Stream.concat(Stream.fromIterable(Market.text("hal")), Stream.never)],
        { stopWithin: 0, lease: "1500 millis" }
      ).pipe(
        Market.withBook((book) => ({
          ...book,
          release: () => Effect.void,
          paid: (hash, lease, next) => {
            until = lease.until
            return book.paid(hash, lease, next)
          },
          renew: (lease, jobs) =>
            Effect.tap(book.renew(lease, jobs), (kept) =>
              Effect.sync(() => (until = kept.length > 0 ? lease.until : until))
            )
        })),
        Scope.provide(scope)
      )
      const buyer = yield* Market.customer(dead)
      const request = yield* buyer.buy({ stream: true })
      yield* buyer.hear("StreamChunk")
      yield* Scope.close(scope, Exit.void)

      const text = "other words ".repeat(10_000)
      const gate = yield* Deferred.make<void>()
      yield* Market.start(
        secret,
        [Market.inTwo(text.slice(0, 9), Deferred.await(gate), text.slice(9))],
        {
          lease: "600 millis"
        }
      )
      const chunks = [yield* buyer.hear("StreamChunk")]
      yield* Deferred.succeed(gate, undefined)
      while (chunks.at(-1)?.message.is_final !== true) chunks.push(yield* buyer.hear("StreamChunk"))
      for (const { event } of chunks) assert.isAbove(event.created_at, Math.floor(until / 1_000))
      assert.strictEqual(chunks.map(({ message }) => message.chunk).join(""), text)
      assert.strictEqual(chunks.at(-1)?.message.sha256, hash("sha256", text))
      assert.include(
        (yield* book.steps(request.id)).map(({ note }) => note),
        "begun anew"
      )
    }).pipe(Market.inMarket)
  )

  it.live("signs no piece that its heir could not know of: not once its lease has lapsed", () =>
    Effect.gen(function* () {
      const lapsed = yield* Deferred.make<void>()
      const later = yield* Deferred.make<void>()
      const seller = yield* Market.provider(
        [
          () =>
            Stream.fromIterable(Market.text("a")).pipe(
              Stream.concat(Stream.drain(Stream.fromEffect(Deferred.await(lapsed)))),
              Stream.concat(Stream.fromIterable(Market.text("b"))),
              Stream.concat(Stream.drain(Stream.fromEffect(Deferred.await(later)))),
              Stream.concat(Stream.fromIterable([...Market.text("c"), Market.finish]))
            )
        ],
        { lease: "700 millis" }
      ).pipe(
        Market.withBook((book) => ({
          ...book,
          renew: () => Effect.succeed([]),
          takeOver: () => Effect.succeed([])
        }))
      )
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy({ stream: true })
      assert.strictEqual((yield* buyer.hear("StreamChunk")).message.chunk, "a")
      yield* Effect.sleep("700 millis")
      yield* Deferred.succeed(lapsed, undefined)
      yield* Effect.sleep("150 millis")
      yield* Deferred.succeed(later, undefined)
      const last = yield* buyer.hear("StreamChunk")
      assert.deepInclude(last.message, { chunk: "bc", seq: 1, is_final: true })
    }).pipe(Market.inMarket)
  )
})

describe("a process that stands still for longer than its lease", () => {
  it.live("right after a payment infers the job once", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { lease: "100 millis" }).pipe(
        Market.withBook((book) => ({
          ...book,
          paid: (...payment) =>
            Effect.tap(book.paid(...payment), () =>
              Effect.sync(() => {
                const end = performance.now() + 200
                while (performance.now() < end);
              }).pipe(Effect.andThen(Effect.sleep("300 millis")))
            )
        }))
      )
      const buyer = yield* Market.customer(seller)
      yield* buyer.buy()
      yield* buyer.hear("JobResult")
      yield* seller.next("Paid")
      yield* Market.answered(buyer)
      assert.strictEqual(seller.inferred(), 1)
      assert.strictEqual(yield* Queue.size(buyer.heard), 0)
    }).pipe(Market.inMarket)
  )
})

describe("a stop", () => {
  it.live("does not wait for relays that refuse an answer; the next start says it", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const scope = yield* Scope.make()
      const refused = yield* Deferred.make<string>()
      const before = yield* Market.start(secret, [Market.echo], { stopWithin: "1 hour" }).pipe(
        Market.withRelay((relay) => ({
          ...relay,
          publish: (event) =>
            event.content.includes("hello!")
              ? Effect.andThen(Deferred.succeed(refused, event.id), Effect.fail(refusal))
              : relay.publish(event)
        })),
        Scope.provide(scope)
      )
      const buyer = yield* Market.customer(before)
      yield* buyer.buy()
      const id = yield* Deferred.await(refused)
      yield* Scope.close(scope, Exit.void)
      yield* Market.start(secret, [Market.fails("refused")])
      assert.strictEqual((yield* buyer.hear("JobResult")).event.id, id)
    }).pipe(Market.inMarket)
  )
})
