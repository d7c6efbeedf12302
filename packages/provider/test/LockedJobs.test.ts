import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Key, Msat, NostrEvent } from "@farthing/protocol"
import { ProviderBook, SqlProviderBook } from "@farthing/provider"
import { Sqlite } from "@farthing/sqlite"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { randomBytes } from "node:crypto"
import type { Job } from "../src/Job.ts"
import * as OlderBook from "../src/OlderBook.ts"
import * as OlderTables from "../src/OlderTables.ts"
import * as Rows from "../src/ProviderRows.ts"
import * as Market from "./support/Market.ts"
import * as Settling from "./support/Settling.ts"

const hex = () => randomBytes(32).toString("hex")

const provider = Key.publicKeyOf(Market.newSecret())

const newJob = (settlement: Job["settlement"]) => {
  const preimage = Redacted.make(Settling.newPreimage())
  const job: Job = {
    id: NostrEvent.EventId.make(hex()),
    customer: Key.publicKeyOf(Market.newSecret()),
    message: Market.request({ model: "small" }),
    model: "small",
    settlement,
    receivedAt: 1_000,
    amount: Market.price,
    bolt11: "lnbcrt1",
    paymentHash: Bolt11.hashOf(Redacted.value(preimage)),
    invoiceExpiresAt: 1_600
  }
  return { job, preimage, sealed: { ...job, preimage } }
}

const event = NostrEvent.sign(
  { kind: 42, created_at: 1_000, tags: [], content: "" },
  Market.newSecret()
)

const owner = "owner"
const lease = { owner, until: 5_000 }
const room = { inAll: 4, perCustomer: 1, now: 1_000 }

const inDatabase = <A, E>(
  test: Effect.Effect<A, E, ProviderBook.ProviderBook | SqlClient.SqlClient>
) =>
  test.pipe(
    Effect.provide(
      SqlProviderBook.layer.pipe(Layer.provideMerge(Sqlite.layer({ filename: ":memory:" })))
    )
  )

/** An escrow that is delivered. */
const delivered = Effect.fnUntraced(function* ({ job }: ReturnType<typeof newJob>) {
  const book = yield* ProviderBook.ProviderBook
  yield* book.quoted(provider, job, event)
  yield* book.locked(job.paymentHash, 90_000, lease, "running")
  yield* book.answered(job.id, owner, [event])
  return yield* book.awaiting(job.id)
})

describe("the book on locked jobs", () => {
  it.effect("begins an escrow when its money is locked, and not when it is settled", () =>
    Effect.gen(function* () {
      const book = yield* ProviderBook.ProviderBook
      const { job } = newJob("escrow")
      yield* book.quoted(provider, job, event)
      assert.deepStrictEqual(yield* book.paid(job.paymentHash, lease, "running"), Option.none())
      const locked = yield* book.locked(job.paymentHash, 90_000, lease, "running")
      assert.strictEqual(Option.getOrThrow(locked).heldUntil, 90_000)
      assert.isTrue(Option.isNone(yield* book.locked(job.paymentHash, 90_000, lease, "running")))
      assert.strictEqual((yield* book.escrows(provider)).length, 1)
    }).pipe(inDatabase)
  )

  it.effect("never lets what is locked be owed, or delivered without its money", () =>
    Effect.gen(function* () {
      const book = yield* ProviderBook.ProviderBook
      const offer = { amount: Msat.make(9_000), expiresAt: 9_000, reason: "" }
      const { job } = newJob("escrow")
      yield* book.quoted(provider, job, event)
      yield* book.locked(job.paymentHash, 90_000, lease, "running")
      assert.isFalse(yield* book.owed(job.id, owner, offer, []))
      yield* book.answered(job.id, owner, [event])
      assert.isFalse(yield* book.delivered(job.id))
      assert.isFalse(yield* book.collected(job.id))
    }).pipe(inDatabase)
  )

  it.effect("takes the first right preimage, and never another", () =>
    Effect.gen(function* () {
      const book = yield* ProviderBook.ProviderBook
      const sql = yield* SqlClient.SqlClient
      const { job, preimage } = newJob("escrow")
      yield* delivered({ job, preimage, sealed: { ...job, preimage } })
      const wrong = Redacted.make(Settling.newPreimage())
      assert.isTrue(Option.isNone(yield* book.released(job.id, wrong)))
      const claimed = yield* book.released(job.id, preimage)
      assert.strictEqual(
        Option.getOrThrow(claimed).preimage?.pipe(Redacted.value),
        Redacted.value(preimage)
      )
      assert.isTrue(Option.isNone(yield* book.released(job.id, preimage)))
      const replaced = yield* Effect.flip(sql`UPDATE provider_job SET preimage = ${hex()}`)
      assert.match(String(replaced.cause), /never replaced/)
      assert.isTrue(yield* book.collected(job.id))
      assert.isFalse(yield* book.collected(job.id))
      assert.isFalse(yield* book.forgone(job.id, "late"))
      for (const state of ["unpaid", "returning", "claiming"])
        assert.match(
          String((yield* Effect.flip(sql`UPDATE provider_job SET state = ${state}`)).cause),
          /ends once/
        )
    }).pipe(inDatabase)
  )

  it.effect("knows who was delivered to and has not released", () =>
    Effect.gen(function* () {
      const book = yield* ProviderBook.ProviderBook
      const { job, preimage, sealed } = newJob("escrow")
      yield* delivered({ job, preimage, sealed })
      const owes = (since: number, forgiven: number) =>
        book.owesRelease(provider, job.customer, { since, forgiven })
      assert.isFalse(yield* owes(-1, 0))
      assert.isTrue(yield* owes(0, 0))
      const stranger = newJob("escrow").job.customer
      assert.isFalse(yield* book.owesRelease(provider, stranger, { since: 0, forgiven: 0 }))
      yield* book.forgone(job.id, "never shown")
      assert.isTrue(yield* owes(-1, -1))
      assert.isFalse(yield* owes(0, 0))

      const other = newJob("escrow")
      yield* delivered(other)
      const owesForOther = (customer = other.job.customer) =>
        book.owesRelease(provider, customer, { since: 0, forgiven: 0 })
      assert.isTrue(yield* owesForOther())
      yield* book.released(other.job.id, other.preimage)
      assert.isFalse(yield* owesForOther())
    }).pipe(inDatabase)
  )

  it.effect("finds what is to be claimed, and what nobody pays", () =>
    Effect.gen(function* () {
      const book = yield* ProviderBook.ProviderBook
      const escrow = newJob("escrow")
      yield* delivered(escrow)
      const { job, sealed } = newJob("sealed")
      yield* book.sealed(provider, sealed, event, lease, room)
      yield* book.running(job.id, lease)
      yield* book.answered(job.id, owner, [event])
      yield* book.awaiting(job.id)
      const due = (locked: number, invoiced: number) =>
        Effect.map(book.dueLocks(provider, { claiming: 0, locked, invoiced }), (due) =>
          due.map(({ isClaiming, job }) => [job.id, isClaiming] as const)
        )
      assert.deepStrictEqual(yield* due(89_999, 1_599), [])
      assert.deepStrictEqual(yield* due(90_000, 1_599), [[escrow.job.id, false]])
      assert.deepStrictEqual(yield* due(89_999, 1_600), [[job.id, false]])
      assert.isTrue(Option.isSome(yield* book.claiming(job.paymentHash)))
      assert.deepStrictEqual(yield* due(89_999, 1_599), [[job.id, true]])
    }).pipe(inDatabase)
  )

  it.effect("has room for so many unpaid sealed results, and for what has expired", () =>
    Effect.gen(function* () {
      const book = yield* ProviderBook.ProviderBook
      const jobs = Array.from({ length: 5 }, () => newJob("sealed"))
      const kept = yield* Effect.forEach(jobs, ({ sealed }) =>
        book.sealed(provider, sealed, event, lease, room)
      )
      assert.deepStrictEqual(kept, [true, true, true, true, false])
      const [first] = jobs
      if (first === undefined) return assert.fail()
      const another = { ...newJob("sealed").sealed, customer: first.job.customer }
      const roomy = { ...room, inAll: 9 }
      assert.isFalse(yield* book.sealed(provider, another, event, lease, roomy))
      assert.isFalse(yield* book.hasRoom(provider, first.job.customer, roomy))
      yield* book.running(first.job.id, lease)
      yield* book.answered(first.job.id, owner, [])
      yield* book.awaiting(first.job.id)
      assert.isTrue(yield* book.hasRoom(provider, first.job.customer, { ...roomy, now: 1_600 }))
    }).pipe(inDatabase)
  )

  it.effect("counts as earned what was taken, and as owed what was paid first", () =>
    Effect.gen(function* () {
      const book = yield* ProviderBook.ProviderBook
      yield* delivered(newJob("escrow"))
      const earned = Effect.map(book.counts(provider), (counts) =>
        Msat.sum(counts.map(({ earned }) => earned))
      )
      assert.strictEqual(yield* earned, 0)
      assert.strictEqual(yield* book.obligations(provider), 0)
      const { job } = newJob("upfront")
      yield* book.quoted(provider, job, event)
      yield* book.paid(job.paymentHash, lease, "running")
      assert.strictEqual(yield* earned, Market.price)
      assert.strictEqual(yield* book.obligations(provider), Market.price)
      const offer = { amount: Msat.make(9_000), expiresAt: 9_000, reason: "" }
      yield* book.owed(job.id, owner, offer, [])
      assert.strictEqual(yield* earned, 0)
      assert.strictEqual(yield* book.obligations(provider), Market.price)
      yield* book.lost(job.id, "nobody asked")
      assert.strictEqual(yield* earned, Market.price)
      assert.strictEqual(yield* book.obligations(provider), 0)
    }).pipe(inDatabase)
  )
})

describe("a book from before locks", () => {
  it.effect("keeps its jobs, their answers and their history, all of them upfront", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* Sqlite.migrate("provider_migrations", {
        "1_provider": Sqlite.run(OlderBook.tables),
        "2_refunds": OlderBook.setAside.pipe(
          Effect.andThen(Sqlite.run(OlderTables.tables)),
          Effect.andThen(OlderBook.copy(1))
        ),
        "3_history": Sqlite.run(OlderTables.history)
      })
      const { job } = newJob("upfront")
      const { settlement: _, ...cells } = Rows.quoteCells(provider, job, event)
      yield* sql`INSERT INTO provider_job ${sql.insert({ ...cells, state: "quoted" })}`
      yield* sql`UPDATE provider_job SET state = 'running', stepped_at = 2, busy = 1, begun = 1`
      yield* sql`UPDATE provider_job SET state = 'answered', step_note = 'kept', stepped_at = 3`
      yield* sql`INSERT INTO provider_answer ${sql.insert({
        request_id: job.id,
        position: 0,
        event: Rows.encodeEvent(event)
      })}`
      const before = yield* sql`SELECT * FROM provider_step`
      const context = yield* Layer.build(SqlProviderBook.layer)
      const book = Context.get(context, ProviderBook.ProviderBook)
      assert.deepStrictEqual(yield* sql`SELECT * FROM provider_step`, before)
      assert.deepStrictEqual(yield* book.takeOver(provider, lease, 1), [
        { _tag: "Answered", job, answers: [event] }
      ])
      assert.isTrue(yield* book.delivered(job.id))
      assert.deepStrictEqual(
        (yield* book.steps(job.id)).map(({ state }) => state),
        ["quoted", "paid", "running", "answered", "delivered"]
      )
      assert.match(
        String((yield* Effect.flip(sql`DELETE FROM provider_step`)).cause),
        /never deleted/
      )
    }).pipe(Effect.scoped, Effect.provide(Sqlite.layer({ filename: ":memory:" })))
  )
})
