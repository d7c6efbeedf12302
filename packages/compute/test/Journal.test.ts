import { assert, describe, it } from "@effect/vitest"
import { Treasury } from "@farthing/budget"
import { Bolt11, Key, Msat, NostrEvent } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { hash } from "node:crypto"
import type { AcceptedRefund, JobState } from "../src/Job.ts"
import { comesFrom, Journal, type NewJob } from "../src/Journal.ts"
import type { Receipt } from "../src/Receipt.ts"
import * as Rows from "../src/JournalRows.ts"
import * as Tables from "../src/JournalTables.ts"
import * as SqlJournal from "../src/SqlJournal.ts"
import * as TestMarket from "./TestMarket.ts"

const budget = "regtest/main"

const memory = SqlJournal.layer({ budget }).pipe(
  Layer.provideMerge(Sqlite.layer({ filename: ":memory:" }))
)

const provider = Key.generate()
const providerKey = Key.publicKeyOf(provider)
const customer = Key.generate()

let serial = 0

const newJob = (requestedAt = 0): NewJob => {
  const event = NostrEvent.sign(
    { kind: 42, created_at: requestedAt, tags: [["salt", String(serial++)]], content: "{}" },
    customer
  )
  return {
    request: {
      provider: providerKey,
      event,
      channel: event.id,
      relay: "",
      tagsAnswers: true
    },
    purchase: Treasury.PurchaseId.make(`purchase ${serial}`),
    providerName: "provider",
    settlement: "upfront",
    preimage: Option.none(),
    model: "tiny",
    requestedAt
  }
}

const preimageOf = (job: NewJob) => Bolt11.Preimage.make(hash("sha256", job.request.event.id))

const offerOf = (job: NewJob) => ({
  jobName: "job",
  bolt11: "lnbcrt1",
  amount: Msat.make(1000),
  paymentHash: Bolt11.hashOf(preimageOf(job))
})

const paymentOf = (job: NewJob) => ({
  preimage: preimageOf(job),
  fee: Msat.make(1),
  feeKnown: true,
  leftToday: undefined,
  paidAt: 5
})

const refundOf = (job: NewJob, amount = 900): AcceptedRefund => ({
  amount: Msat.make(amount),
  bolt11: "lnbcrt2",
  paymentHash: Bolt11.hashOf(Bolt11.Preimage.make(hash("sha256", "refund"))),
  event: job.request.event,
  expiresAt: 100,
  acceptedAt: 10
})

const receiptOf = (job: NewJob, text = "text"): Receipt => ({
  purchase: job.purchase,
  request: job.request.event.id,
  provider: providerKey,
  providerName: "provider",
  model: "tiny",
  settlement: "upfront",
  text,
  resultSha256: hash("sha256", text),
  finishReason: "stop",
  tokensIn: 1,
  tokensOut: 2,
  bolt11: "lnbcrt1",
  paymentHash: offerOf(job).paymentHash,
  preimage: preimageOf(job),
  amount: Msat.make(1000),
  fee: Msat.make(1),
  feeKnown: true,
  cost: Msat.make(1001),
  leftToday: undefined,
  finishedAt: 9,
  stages: [{ stage: "quote", millis: 1.5 }]
})

/** Brings a job to a state by the shortest way; says whether the last step was taken. */
const reach = Effect.fnUntraced(function* (job: NewJob, state: JobState, millis?: number) {
  const journal = yield* Journal
  const id = job.request.event.id
  switch (state) {
    case "requested":
      yield* journal.requested(job)
      return true
    case "quoted":
    case "paying":
      return (yield* journal[state](id, offerOf(job))) === "taken"
    case "sealed":
      return yield* journal.sealed(id, [job.request.event])
    case "locked":
      return yield* journal.locked(id, { until: 1000 })
    case "released":
      return yield* journal.released(receiptOf(job), job.request.event, millis)
    case "unclaimed":
      return yield* journal.unclaimed(id, "the money came back")
    case "paid":
      return yield* journal.paid(id, paymentOf(job))
    case "delivered":
      return (
        (yield* journal.delivered(receiptOf(job), millis)) ||
        (yield* journal.claimed(id, Msat.make(1)))
      )
    case "refunding":
      return yield* journal.refunding(id, refundOf(job))
    case "refunded":
      return yield* journal.refunded(id, 11)
    default:
      return yield* journal.ended(id, state, `it is ${state}`)
  }
})

const toPaid = Effect.fnUntraced(function* (job: NewJob) {
  for (const state of ["requested", "paying", "paid"] as const) yield* reach(job, state)
})

const recordOf = Effect.flatMap(Journal, (journal) =>
  Effect.map(journal.records, (records) => records.get(providerKey))
)

const states = Object.keys(comesFrom) as ReadonlyArray<JobState>
const State = Schema.Literals(states.filter((state) => state !== "requested"))

describe("a job", () => {
  it.effect.prop(
    "takes only the steps that lead on from where it stands",
    [Schema.Array(State)],
    ([steps]) =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const job = newJob()
        let state: JobState = "requested"
        yield* reach(job, state)
        for (const next of steps) {
          const allowed = comesFrom[next].includes(state)
          assert.strictEqual(yield* reach(job, next), allowed, `${state} -> ${next}`)
          if (allowed) state = next
          assert.strictEqual((yield* journal.jobs(1))[0]?.state, state)
        }
      }).pipe(Effect.provide(memory)),
    { arbitrary: { runs: 50 } }
  )

  it.effect("that is delivered waits for the spend ledger to know of it", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const [one, other] = [newJob(), newJob()]
      yield* toPaid(one)
      yield* toPaid(other)
      assert.deepStrictEqual(yield* journal.unreconciled, [])
      yield* reach(one, "delivered")
      const request = one.request.event.id
      const { paymentHash } = offerOf(one)
      assert.deepStrictEqual(yield* journal.unreconciled, [
        { request, purchase: one.purchase, paymentHash, outcome: "delivered" }
      ])
      yield* journal.reconciled([request])
      assert.deepStrictEqual(yield* journal.unreconciled, [])
    }).pipe(Effect.provide(memory))
  )

  it.effect("stands in the journal with its request, offer, payment and receipt", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const job = newJob(7)
      yield* toPaid(job)
      yield* reach(job, "delivered")
      const [entry] = yield* journal.find(job.purchase)
      assert.deepStrictEqual(entry?.request, job.request)
      assert.deepStrictEqual(entry?.offer, offerOf(job))
      assert.deepStrictEqual(entry?.payment, paymentOf(job))
      assert.deepStrictEqual(entry?.receipt, receiptOf(job))
      assert.deepStrictEqual(yield* journal.receipts(10), [receiptOf(job)])
      assert.strictEqual(entry?.job.requestedAt, 7)
    }).pipe(Effect.provide(memory))
  )

  it.effect("never shares its payment hash with another one", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const [first, second] = [newJob(), newJob()]
      yield* toPaid(first)
      yield* reach(second, "requested")
      assert.strictEqual(yield* journal.quoted(second.request.event.id, offerOf(first)), "reused")
      assert.strictEqual(yield* journal.paying(second.request.event.id, offerOf(first)), "reused")
    }).pipe(Effect.provide(memory))
  )

  it.effect("is unfinished until it ends; a lost one for a while longer", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const [paid, lost, done] = [newJob(10), newJob(20), newJob(30)]
      for (const job of [paid, lost, done]) yield* toPaid(job)
      yield* reach(lost, "lost")
      yield* reach(done, "delivered")
      const left = (lostSince: number) =>
        Effect.map(journal.unfinished({ lostSince }), (entries) =>
          entries.map(({ job }) => job.request)
        )
      assert.deepStrictEqual(yield* left(0), [paid.request.event.id, lost.request.event.id])
      assert.deepStrictEqual(yield* left(21), [paid.request.event.id])
    }).pipe(Effect.provide(memory))
  )

  it.effect("outlives the process", () =>
    Effect.gen(function* () {
      const filename = yield* TestMarket.databaseFile
      const inProcess = Effect.provide(
        SqlJournal.layer({ budget }).pipe(Layer.provide(Sqlite.layer({ filename }))),
        { local: true }
      )
      const job = newJob()
      yield* inProcess(toPaid(job))
      const [entry] = yield* inProcess(
        Effect.flatMap(Journal, (journal) => journal.unfinished({ lostSince: 0 }))
      )
      assert.strictEqual(entry?.job.state, "paid")
      assert.deepStrictEqual(entry?.request, job.request)
    })
  )
})

describe("the record of a provider", () => {
  const end = Effect.fnUntraced(function* (state: JobState, millis?: number) {
    const job = newJob()
    yield* toPaid(job)
    yield* reach(job, state, millis)
    return job
  })

  it.effect("counts how its jobs ended", () =>
    Effect.gen(function* () {
      for (const state of ["refused", "rejected", "unanswered"] as const) {
        const job = newJob()
        yield* reach(job, "requested")
        yield* reach(job, state)
      }
      yield* end("delivered")
      yield* end("lost")
      const record = yield* recordOf
      assert.deepInclude(record, { jobs: 5, delivered: 1, lost: 1, refused: 1, rejected: 1 })
    }).pipe(Effect.provide(memory))
  )

  it.effect("knows the median of the last delivery times", () =>
    Effect.gen(function* () {
      for (const millis of [50, 10, 30]) yield* end("delivered", millis)
      assert.strictEqual((yield* recordOf)?.medianMillis, 30)
      for (let n = 0; n < 31; n++) yield* end("delivered", 7)
      assert.strictEqual((yield* recordOf)?.medianMillis, 7)
    }).pipe(Effect.provide(memory))
  )

  it.effect("avoids one that took money without delivering, twice as long each time in a row", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("100 seconds")
      yield* end("lost")
      assert.strictEqual((yield* recordOf)?.avoidUntil, 100 + 3600)
      yield* end("lost")
      yield* end("lost")
      assert.strictEqual((yield* recordOf)?.avoidUntil, 100 + 4 * 3600)
      for (let n = 0; n < 20; n++) yield* end("lost")
      assert.strictEqual((yield* recordOf)?.avoidUntil, 100 + 30 * 24 * 3600)
      yield* end("delivered")
      assert.isUndefined((yield* recordOf)?.avoidUntil)
    }).pipe(Effect.provide(memory))
  )

  it.effect("forgives a loss that is made good late", () =>
    Effect.gen(function* () {
      const job = yield* end("lost")
      yield* reach(job, "delivered")
      assert.deepInclude(yield* recordOf, { jobs: 1, lost: 0, delivered: 1, avoidUntil: undefined })
    }).pipe(Effect.provide(memory))
  )

  it.effect("counts a refund as a loss until the money is back, and once in all", () =>
    Effect.gen(function* () {
      const job = newJob()
      yield* toPaid(job)
      yield* reach(job, "refunding")
      assert.deepInclude(yield* recordOf, { jobs: 1, lost: 1, refunded: 0 })
      yield* reach(job, "refunded")
      assert.deepInclude(yield* recordOf, {
        jobs: 1,
        lost: 0,
        refunded: 1,
        avoidUntil: undefined
      })
    }).pipe(Effect.provide(memory))
  )

  it.effect("counts a refund that never came, or came late, as one job", () =>
    Effect.gen(function* () {
      const broken = newJob()
      yield* toPaid(broken)
      for (const state of ["refunding", "lost"] as const) yield* reach(broken, state)
      assert.deepInclude(yield* recordOf, { jobs: 1, lost: 1, refunded: 0 })
      const late = yield* end("lost")
      for (const state of ["refunding", "refunded"] as const) yield* reach(late, state)
      assert.deepInclude(yield* recordOf, { jobs: 2, lost: 1, refunded: 1 })
    }).pipe(Effect.provide(memory))
  )

  it.effect("avoids one that only gives money back from the second time on", () =>
    Effect.gen(function* () {
      const refund = Effect.gen(function* () {
        const job = yield* end("refunding")
        yield* reach(job, "refunded")
        return (yield* recordOf)?.avoidUntil
      })
      assert.isUndefined(yield* refund)
      assert.strictEqual(yield* refund, 600)
      assert.strictEqual(yield* refund, 1200)
      yield* end("delivered")
      assert.isUndefined(yield* refund)
    }).pipe(Effect.provide(memory))
  )
})

describe("the database", () => {
  const changed = (change: string) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      return (yield* Effect.flip(sql.unsafe(change))).message
    })

  it.effect("lets nobody undo a delivery or a refund, or replace our invoice for it", () =>
    Effect.gen(function* () {
      const job = newJob()
      yield* toPaid(job)
      yield* reach(job, "refunding")
      assert.include(
        yield* changed("UPDATE compute_job SET refund_event = 'another'"),
        "never replaced"
      )
      yield* reach(job, "refunded")
      assert.include(yield* changed("UPDATE compute_job SET state = 'delivered'"), "never both")
    }).pipe(Effect.provide(memory))
  )

  it.effect("of an earlier version goes to the budget that opens it first", () =>
    Effect.gen(function* () {
      const filename = yield* TestMarket.databaseFile
      const job = newJob(7)
      const { "1_journal": first, "2_reconciled": second } = Tables.migrationsFor("")
      yield* Effect.gen(function* () {
        yield* Sqlite.migrate("compute_migrations", { "1_journal": first, "2_reconciled": second })
        const sql = yield* SqlClient.SqlClient
        yield* sql`INSERT INTO compute_job ${sql.insert({
          request_id: job.request.event.id,
          purchase: job.purchase,
          provider: providerKey,
          provider_name: "provider",
          settlement: "upfront",
          state: "refused",
          request: Rows.encodeRequest(job.request),
          requested_at: 7,
          note: "not now"
        })}`
        yield* sql`INSERT INTO compute_provider (pubkey, jobs, refused) VALUES (${providerKey}, 1, 1)`
      }).pipe(Effect.provide(Sqlite.layer({ filename }), { local: true }))
      const opened = (owner: string) =>
        Effect.gen(function* () {
          const journal = yield* Journal
          const jobs = yield* journal.jobs(10)
          const detail = yield* journal.findJob(job.request.event.id)
          const steps = Option.match(detail, { onNone: () => [], onSome: (found) => found.steps })
          return { jobs: jobs.length, record: yield* recordOf, steps }
        }).pipe(
          Effect.provide(
            SqlJournal.layer({ budget: owner }).pipe(Layer.provide(Sqlite.layer({ filename }))),
            { local: true }
          )
        )
      const own = yield* opened(budget)
      assert.deepStrictEqual(own.steps, [{ at: 7000, state: "refused", note: "not now" }])
      assert.deepInclude(own.record, { jobs: 1, refused: 1, refunded: 0 })
      assert.deepStrictEqual(yield* opened("regtest/other"), {
        jobs: 0,
        record: undefined,
        steps: []
      })
    })
  )
})
