import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Key, Msat, NostrEvent } from "@farthing/protocol"
import { ProviderBook, SqlProviderBook } from "@farthing/provider"
import { Sqlite } from "@farthing/sqlite"
import { Context, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Market from "./support/Market.ts"

const hex = () => randomBytes(32).toString("hex")

const provider = Key.publicKeyOf(Market.newSecret())

const newJob = () => ({
  id: NostrEvent.EventId.make(hex()),
  customer: Key.publicKeyOf(Market.newSecret()),
  message: Market.request({ model: "small", stop: ["\n"] }),
  model: "small",
  settlement: "upfront" as const,
  receivedAt: 1_000,
  amount: Msat.make(10_000),
  bolt11: "lnbcrt1",
  paymentHash: Bolt11.PaymentHash.make(hex()),
  invoiceExpiresAt: 1_600
})

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "provider-book-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const offer = { amount: Msat.make(9_000), expiresAt: 700_000, reason: "it broke" }

const newInvoice = Effect.suspend(() =>
  Effect.fromResult(
    Bolt11.decode(
      Bolt11.encode(
        {
          network: "regtest",
          amount: Option.some(offer.amount),
          createdAt: 1_000,
          expirySeconds: 3_600,
          paymentHash: Bolt11.PaymentHash.make(hex()),
          paymentSecret: hex(),
          description: "",
          minFinalCltvDelta: 18
        },
        randomBytes(32)
      )
    )
  )
)

const databaseOf = (path: string) =>
  Effect.map(
    Layer.build(Sqlite.layer({ filename: join(path, "book.db") })),
    Context.get(SqlClient.SqlClient)
  )

/** The book as another process has it: on a connection of its own. */
const open = (path: string) =>
  Layer.build(
    SqlProviderBook.layer.pipe(Layer.provide(Sqlite.layer({ filename: join(path, "book.db") })))
  ).pipe(Effect.map(Context.get(ProviderBook.ProviderBook)))

const signed = (content: string) =>
  NostrEvent.sign({ kind: 42, created_at: 1_000, tags: [], content }, Market.newSecret())

const quote = signed("a quote")

describe("ProviderBook", () => {
  it.live("gives a paid job to one of those who claim it", () =>
    Effect.gen(function* () {
      const path = yield* directory
      const books = yield* Effect.all([open(path), open(path), open(path)])
      const jobs = Array.from({ length: 20 }, newJob)
      yield* Effect.forEach(jobs, (job) => books[0].quoted(provider, job, quote), {
        concurrency: "unbounded"
      })
      const claims = yield* Effect.forEach(
        jobs.flatMap((job) => books.map((book, index) => ({ book, index, job }))),
        ({ book, index, job }) =>
          book.paid(job.paymentHash, { owner: `owner ${index}`, until: 5_000 }, "paid"),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        claims.flatMap(Option.toArray).toSorted((a, b) => a.id.localeCompare(b.id)),
        jobs.toSorted((a, b) => a.id.localeCompare(b.id))
      )
    }).pipe(Effect.scoped)
  )

  it.live("knows each request once, whoever answers it and how", () =>
    Effect.gen(function* () {
      const path = yield* directory
      const one = yield* open(path)
      const other = yield* open(path)
      const job = newJob()
      assert.isFalse(yield* one.knows(job.id))
      const answers = yield* Effect.all(
        [
          one.quoted(provider, job, quote),
          other.quoted(provider, { ...job, paymentHash: Bolt11.PaymentHash.make(hex()) }, quote),
          one.refused(provider, job, "over_capacity")
        ],
        { concurrency: "unbounded" }
      )
      assert.strictEqual(answers.filter(Boolean).length, 1)
      assert.isTrue(yield* other.knows(job.id))
    }).pipe(Effect.scoped)
  )

  it.live("keeps what was signed until it is sent, and gives it on with the lease", () =>
    Effect.gen(function* () {
      const path = yield* directory
      const book = yield* open(path)
      const job = newJob()
      const answers = [signed("1"), signed("2")]
      yield* book.quoted(provider, job, quote)
      yield* book.paid(job.paymentHash, { owner: "dead", until: 5_000 }, "running")
      assert.deepStrictEqual(
        yield* book.takeOver(provider, { owner: "heir", until: 9_000 }, 4_999),
        []
      )
      const [begun] = yield* book.takeOver(provider, { owner: "heir", until: 9_000 }, 5_000)
      assert.deepStrictEqual(begun, { _tag: "Unanswered", job, begun: 1, saidUntil: 5 })
      assert.isFalse(yield* book.answered(job.id, "dead", [signed("late")]))
      assert.isTrue(yield* book.answered(job.id, "heir", answers))

      yield* book.release("heir", 6_000)
      const [again] = yield* book.takeOver(provider, { owner: "third", until: 9_000 }, 6_000)
      assert.deepStrictEqual(again, { _tag: "Answered", job, answers })
      assert.isTrue(yield* book.delivered(job.id))
      assert.isFalse(yield* book.delivered(job.id))
      assert.deepStrictEqual(yield* book.counts(provider), [
        { state: "delivered", jobs: 1, amount: job.amount, earned: job.amount }
      ])
      yield* book.release("third", 6_000)
      assert.deepStrictEqual(
        yield* book.takeOver(provider, { owner: "fourth", until: 9_000 }, 99_000),
        []
      )
    }).pipe(Effect.scoped)
  )

  it.live("forgets what nobody paid for, and nothing else", () =>
    Effect.gen(function* () {
      const book = yield* open(yield* directory)
      const [unpaid, paid, recent] = [newJob(), newJob(), { ...newJob(), receivedAt: 2_000 }]
      for (const job of [unpaid, paid, recent]) yield* book.quoted(provider, job, quote)
      const [early, late] = [newJob(), { ...newJob(), receivedAt: 1_200 }]
      for (const job of [early, late]) yield* book.refused(provider, job, "over_capacity")
      yield* book.paid(paid.paymentHash, { owner: "me", until: 0 }, "paid")
      yield* book.prune(provider, { refused: 1_100, quoted: 1_500 })
      assert.deepStrictEqual(yield* book.unpaid(provider, 0), [recent])
      assert.isTrue(yield* book.knows(paid.id))
      assert.isFalse(yield* book.knows(unpaid.id))
      assert.isFalse(yield* book.knows(early.id))
      assert.isTrue(yield* book.knows(late.id))
    }).pipe(Effect.scoped)
  )

  it.live("spoils no write with the failure of another", () =>
    Effect.gen(function* () {
      const book = yield* open(yield* directory)
      const job = newJob()
      const twin = { ...newJob(), paymentHash: job.paymentHash }
      const results = yield* Effect.forEach(
        [job, twin, newJob(), newJob()],
        (job) => Effect.result(book.quoted(provider, job, quote)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        results.map(({ _tag }) => _tag),
        ["Success", "Failure", "Success", "Success"]
      )
      assert.strictEqual((yield* book.unpaid(provider, 0)).length, 3)
    }).pipe(Effect.scoped)
  )

  it.live("keeps one channel, and dates announcements ever later", () =>
    Effect.gen(function* () {
      const path = yield* directory
      const books = yield* Effect.all([open(path), open(path)])
      const secret = Market.newSecret()
      const create = (content: string) =>
        NostrEvent.sign({ kind: 40, created_at: 1_000, tags: [], content }, secret)
      const kept = yield* Effect.all([
        books[0].keepChannel(create("a")),
        books[1].keepChannel(create("b"))
      ])
      assert.strictEqual(kept[0].content, "a")
      assert.deepStrictEqual(kept[1], kept[0])
      const dates: Array<number> = []
      for (const now of [1_000, 1_000, 900, 2_000])
        dates.push(
          yield* books[dates.length % 2 === 0 ? 0 : 1].dateAnnouncement(kept[0].pubkey, now)
        )
      assert.deepStrictEqual(dates, [1_000, 1_001, 1_002, 2_000])
    }).pipe(Effect.scoped)
  )

  it.live("writes down what happened to a paid job, for good", () =>
    Effect.gen(function* () {
      const path = yield* directory
      const book = yield* open(path)
      const job = newJob()
      yield* book.quoted(provider, job, quote)
      assert.deepStrictEqual(yield* book.steps(job.id), [])
      yield* book.paid(job.paymentHash, { owner: "me", until: 5_000 }, "running")
      yield* book.owed(job.id, "me", offer, [])
      assert.isTrue(yield* book.noted(job.id, "the wallet is empty"))
      assert.isFalse(yield* book.noted(job.id, "the wallet is empty"))
      yield* book.lost(job.id, "too late")
      assert.deepStrictEqual(
        (yield* book.steps(job.id)).map(({ note, state }) => [state, note]),
        [
          ["quoted", ""],
          ["paid", `10000 msats for ${job.paymentHash}`],
          ["running", ""],
          ["owed", "9000 msats on offer: it broke"],
          ["owed", "the wallet is empty"],
          ["lost", "too late"]
        ]
      )
      const sql = yield* databaseOf(path)
      for (const statement of [
        "UPDATE provider_step SET note = 'all was well'",
        "DELETE FROM provider_step"
      ])
        assert.match((yield* Effect.flip(sql.unsafe(statement))).message, /steps are never/)
    }).pipe(Effect.scoped)
  )

  it.live("lets a job be delivered or refunded, and never both", () =>
    Effect.gen(function* () {
      const path = yield* directory
      const [one, other] = yield* Effect.all([open(path), open(path)])
      const sql = yield* databaseOf(path)
      const lease = { owner: "me", until: 5_000 }
      const [delivered, refunded] = [newJob(), newJob()]
      for (const job of [delivered, refunded]) {
        yield* one.quoted(provider, job, quote)
        yield* one.paid(job.paymentHash, lease, "running")
        yield* one.answered(job.id, "me", [quote])
      }
      // Both processes hold what the other one ends.
      const ends = yield* Effect.all(
        [one.delivered(delivered.id), other.owed(delivered.id, "me", offer, [])],
        { concurrency: "unbounded" }
      )
      assert.strictEqual(ends.filter(Boolean).length, 1)
      assert.isTrue(yield* other.owed(refunded.id, "me", offer, []))
      assert.isFalse(yield* one.delivered(refunded.id))
      assert.isFalse(yield* one.refunded(refunded.id, "without an invoice"))
      assert.isTrue(yield* one.claimed(refunded.id, yield* newInvoice))
      assert.isFalse(yield* other.claimed(refunded.id, yield* newInvoice))
      assert.isTrue(yield* other.refunded(refunded.id, "paid"))
      assert.isFalse(yield* one.refunded(refunded.id, "paid"))
      assert.isFalse(yield* one.delivered(refunded.id))
      assert.isFalse(yield* one.lost(refunded.id, "too late"))
      const ofRefunded = sql`WHERE request_id = ${refunded.id}`
      assert.match(
        (yield* Effect.flip(sql`UPDATE provider_job SET state = 'delivered' ${ofRefunded}`))
          .message,
        /never both/
      )
      assert.match(
        (yield* Effect.flip(sql`UPDATE provider_job SET refund_bolt11 = 'mine' ${ofRefunded}`))
          .message,
        /never replaced/
      )
    }).pipe(Effect.scoped)
  )

  it.live("takes no refund invoice that it knows from elsewhere", () =>
    Effect.gen(function* () {
      const book = yield* open(yield* directory)
      const invoice = yield* newInvoice
      const jobs = [newJob(), newJob()]
      const quoted = { ...newJob(), paymentHash: (yield* newInvoice).paymentHash }
      yield* book.quoted(provider, quoted, quote)
      for (const job of jobs) {
        yield* book.quoted(provider, job, quote)
        yield* book.paid(job.paymentHash, { owner: "me", until: 5_000 }, "running")
        yield* book.owed(job.id, "me", offer, [])
      }
      const [one, other] = jobs
      assert(one !== undefined && other !== undefined)
      assert.isFalse(yield* book.claimed(one.id, { ...invoice, paymentHash: quoted.paymentHash }))
      assert.isTrue(yield* book.claimed(one.id, invoice))
      assert.isFalse(yield* book.claimed(other.id, invoice))
    }).pipe(Effect.scoped)
  )
})
