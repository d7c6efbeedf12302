import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Key, Msat, NostrEvent } from "@farthing/protocol"
import { Treasury } from "@farthing/budget"
import { Sqlite } from "@farthing/sqlite"
import { Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql"
import { hash } from "node:crypto"
import { ComputeClient } from "../src/ComputeClient.ts"
import { Journal } from "../src/Journal.ts"
import * as SqlJournal from "../src/SqlJournal.ts"
import * as TestMarket from "./TestMarket.ts"
import * as TestPeer from "./TestPeer.ts"
import { passing } from "./TestTime.ts"

const { sats } = TestMarket
const price = sats(10)
const wish = { prompt: "hello", budget: sats(100) }

const journalOf = (budget: string) => SqlJournal.layer({ budget })

const memory = journalOf("regtest/main").pipe(
  Layer.provideMerge(Sqlite.layer({ filename: ":memory:" }))
)

const provider = Key.publicKeyOf(Key.generate())

/** A job whose request's id begins so. */
const newJob = (id: string) => {
  const event = NostrEvent.sign(
    { kind: 42, created_at: 0, tags: [], content: "{}" },
    Key.generate()
  )
  const request = NostrEvent.EventId.make(id.padEnd(64, "0"))
  return {
    request: {
      provider,
      event: { ...event, id: request },
      channel: event.id,
      relay: "",
      tagsAnswers: true
    },
    purchase: Treasury.PurchaseId.make(`purchase ${id}`),
    providerName: "provider",
    settlement: "upfront" as const,
    preimage: Option.none(),
    model: "tiny",
    requestedAt: 0
  }
}

const offerOf = (id: string) => ({
  jobName: "job",
  bolt11: "lnbcrt1",
  amount: Msat.make(1000),
  paymentHash: Bolt11.PaymentHash.make(hash("sha256", id))
})

describe("the history of a job", () => {
  it.effect("has every step with its time, and what was decided", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const job = newJob("a")
      const id = job.request.event.id
      yield* TestClock.adjust("1 second")
      yield* journal.requested(job)
      yield* TestClock.adjust("1 second")
      yield* journal.quoted(id, offerOf("a"))
      yield* journal.noted(id, "looked at twice")
      yield* journal.ended(id, "rejected", "reused: seen before")
      const { steps } = Option.getOrThrow(yield* journal.findJob("a"))
      assert.deepStrictEqual(steps, [
        { at: 1000, state: "requested", note: "" },
        {
          at: 2000,
          state: "quoted",
          note: `1000 msat, payment hash ${offerOf("a").paymentHash}`
        },
        { at: 2000, state: "quoted", note: "looked at twice" },
        { at: 2000, state: "rejected", note: "reused: seen before" }
      ])
    }).pipe(Effect.provide(memory))
  )

  it.effect("has nothing of a step that was not taken", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const job = newJob("a")
      yield* journal.requested(job)
      yield* journal.ended(job.request.event.id, "lost", "never paid")
      const { steps } = Option.getOrThrow(yield* journal.findJob("a"))
      assert.deepStrictEqual(
        steps.map(({ state }) => state),
        ["requested"]
      )
    }).pipe(Effect.provide(memory))
  )

  it.effect("can neither be changed nor deleted", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const sql = yield* SqlClient.SqlClient
      yield* journal.requested(newJob("a"))
      const change = yield* Effect.flip(sql`UPDATE compute_step SET note = 'forged'`)
      assert.include(change.message, "steps are never changed")
      const deletion = yield* Effect.flip(sql`DELETE FROM compute_step`)
      assert.include(deletion.message, "steps are never deleted")
      const { steps } = Option.getOrThrow(yield* journal.findJob("a"))
      assert.strictEqual(steps.length, 1)
    }).pipe(Effect.provide(memory))
  )

  it.effect("tells a purchase from the request to the delivery", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "peer", price }, TestPeer.honest(price))
      const client = yield* ComputeClient
      const receipt = yield* passing(client.requestInference(wish))
      const detail = Option.getOrThrow(yield* client.findJob(receipt.request.slice(0, 12)))
      assert.deepStrictEqual(
        detail.steps.map(({ state }) => state),
        ["requested", "paying", "paid", "delivered"]
      )
      assert.include(detail.steps[1]?.note, `${price} msat`)
      assert.include(detail.steps[1]?.note, receipt.paymentHash)
      assert.strictEqual(detail.steps[2]?.note, `fee ${TestMarket.fee} msat`)
      assert.include(detail.steps[3]?.note, receipt.resultSha256)
      assert.deepStrictEqual(detail.receipt, receipt)
      assert.strictEqual(detail.payment?.preimage, receipt.preimage)
      assert.strictEqual(detail.offer?.bolt11, receipt.bolt11)
    }).pipe(Effect.provide(TestMarket.market()))
  )

  it.effect("names the reason for which an invoice was rejected", () =>
    Effect.gen(function* () {
      yield* TestPeer.open({ name: "peer", price }, (job) => job.invoice(sats(11)))
      const client = yield* ComputeClient
      yield* Effect.flip(passing(client.requestInference(wish)))
      const [job] = yield* client.jobs()
      const { steps } = Option.getOrThrow(yield* client.findJob(job!.request))
      assert.strictEqual(steps.at(-1)?.state, "rejected")
      assert.match(steps.at(-1)?.note ?? "", /^above_price: /)
    }).pipe(Effect.provide(TestMarket.market()))
  )
})

describe("a job by the beginning of its id", () => {
  it.effect("is found if no other one begins so", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      for (const id of ["ab1", "ab2", "c"]) yield* journal.requested(newJob(id))
      const found = (prefix: string) =>
        Effect.map(
          journal.findJob(prefix),
          Option.map(({ job }) => job.request.slice(0, 3))
        )
      assert.deepStrictEqual(yield* found("ab1"), Option.some("ab1"))
      assert.deepStrictEqual(yield* found("c"), Option.some("c00"))
      assert.deepStrictEqual(yield* found("C0"), Option.some("c00"))
      assert.deepStrictEqual(yield* found("ab"), Option.none())
      assert.deepStrictEqual(yield* found("d"), Option.none())
      assert.deepStrictEqual(yield* found("%"), Option.none())
      assert.deepStrictEqual(yield* found(""), Option.none())
    }).pipe(Effect.provide(memory))
  )
})

describe("two budgets in one database", () => {
  it.effect("see nothing of each other's jobs and records", () =>
    Effect.gen(function* () {
      const filename = yield* TestMarket.databaseFile
      const inBudget = (budget: string) =>
        Effect.provide(journalOf(budget).pipe(Layer.provide(Sqlite.layer({ filename }))), {
          local: true
        })
      const job = newJob("a")
      yield* Effect.gen(function* () {
        const journal = yield* Journal
        yield* journal.requested(job)
        yield* journal.ended(job.request.event.id, "refused", "not now")
        yield* journal.requested(newJob("b"))
      }).pipe(inBudget("regtest/one"))
      yield* Effect.gen(function* () {
        const journal = yield* Journal
        assert.deepStrictEqual(yield* journal.jobs(10), [])
        assert.deepStrictEqual(yield* journal.unfinished({ lostSince: 0 }), [])
        assert.deepStrictEqual(yield* journal.find(job.purchase), [])
        assert.deepStrictEqual(yield* journal.findJob("a"), Option.none())
        assert.strictEqual((yield* journal.records).size, 0)
      }).pipe(inBudget("regtest/other"))
      yield* Effect.gen(function* () {
        const journal = yield* Journal
        assert.strictEqual((yield* journal.jobs(10)).length, 2)
        assert.strictEqual((yield* journal.records).get(provider)?.refused, 1)
      }).pipe(inBudget("regtest/one"))
    })
  )

  it.effect("never pay the same hash", () =>
    Effect.gen(function* () {
      const filename = yield* TestMarket.databaseFile
      const inBudget = (budget: string) =>
        Effect.provide(journalOf(budget).pipe(Layer.provide(Sqlite.layer({ filename }))), {
          local: true
        })
      const paying = (id: string) =>
        Effect.gen(function* () {
          const journal = yield* Journal
          const job = newJob(id)
          yield* journal.requested(job)
          return yield* journal.paying(job.request.event.id, offerOf("the same"))
        })
      assert.strictEqual(yield* paying("a").pipe(inBudget("regtest/one")), "taken")
      assert.strictEqual(yield* paying("b").pipe(inBudget("regtest/other")), "reused")
    })
  )
})
