import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Key, Msat, NostrEvent } from "@farthing/protocol"
import { ProviderBook, SqlProviderBook } from "@farthing/provider"
import { UnixTime } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { randomBytes } from "node:crypto"
import * as OlderBook from "../src/OlderBook.ts"
import * as Rows from "../src/ProviderRows.ts"
import * as Market from "./support/Market.ts"

const hex = () => randomBytes(32).toString("hex")

const secret = Market.newSecret()
const provider = Key.publicKeyOf(secret)
const customer = Key.publicKeyOf(Market.newSecret())

const answer = NostrEvent.sign({ kind: 42, created_at: 1_000, tags: [], content: "" }, secret)

/** Writes a book as it was before refunds, and opens it. */
const reopened = Effect.fnUntraced(function* (
  jobs: ReadonlyArray<Readonly<Record<string, string | number | null>>>
) {
  const sql = yield* SqlClient.SqlClient
  yield* Sqlite.migrate("provider_migrations", {
    "1_provider": Effect.forEach(OlderBook.tables, (table) => sql.unsafe(table))
  })
  for (const job of jobs) {
    const row = {
      request_id: NostrEvent.EventId.make(hex()),
      provider,
      customer,
      request: Rows.encodeRequest(Market.request({ model: "small" })),
      model: "small",
      amount: 10_000,
      bolt11: "lnbcrt1",
      payment_hash: Bolt11.PaymentHash.make(hex()),
      invoice_expires_at: 1_600,
      ...job
    }
    yield* sql`INSERT INTO provider_job ${sql.insert(row)}`
    if (job["state"] === "answered")
      yield* sql`INSERT INTO provider_answer ${sql.insert({
        request_id: row.request_id,
        position: 0,
        event: Rows.encodeEvent(answer)
      })}`
  }
  return Context.get(yield* Layer.build(SqlProviderBook.layer), ProviderBook.ProviderBook)
})

const inDatabase = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  test.pipe(Effect.scoped, Effect.provide(Sqlite.layer({ filename: ":memory:" })))

const lease = { owner: "heir", until: 9_000_000_000_000 }

describe("a book from before refunds", () => {
  it.live("owes what failed within the week, and has lost what failed before", () =>
    Effect.gen(function* () {
      const now = yield* UnixTime.now
      const book = yield* reopened([
        { state: "failed", outcome: "failed", note: "timeout: slow", received_at: now - 60 },
        { state: "answered", outcome: "failed", note: "refused: no", received_at: now - 60 },
        { state: "failed", outcome: "failed", note: "old", received_at: now - 8 * 24 * 60 * 60 }
      ])
      const offers = yield* book.offers(provider)
      assert.deepStrictEqual(offers.map(({ offer }) => [offer.amount, offer.reason]).toSorted(), [
        [Msat.make(9_000), "refused: no"],
        [Msat.make(9_000), "timeout: slow"]
      ])
      for (const { offer } of offers)
        assert.approximately(offer.expiresAt, now + 7 * 24 * 60 * 60, 60)
      const counts = yield* book.counts(provider)
      assert.deepStrictEqual(counts.map(({ jobs, state }) => [state, jobs]).toSorted(), [
        ["lost", 1],
        ["owed", 2]
      ])
      // Nobody has signed these offers yet.
      const left = yield* book.takeOver(provider, lease, 8_000_000_000_000)
      assert.deepStrictEqual(
        left.map(({ _tag }) => _tag),
        ["Owed", "Owed"]
      )
      for (const unfinished of left)
        assert.deepStrictEqual("answers" in unfinished && unfinished.answers, [])
    }).pipe(inDatabase)
  )

  it.live("keeps its quotes, and goes on with what was begun", () =>
    Effect.gen(function* () {
      const book = yield* reopened([
        { state: "quoted", received_at: 1_000 },
        { state: "refused", received_at: 1_000, note: "over_capacity" },
        { state: "running", received_at: 1_000, begun: 2, lease_until: 5_500 },
        { state: "answered", outcome: "delivered", received_at: 1_000 },
        { state: "delivered", outcome: "delivered", received_at: 1_000 }
      ])
      assert.strictEqual((yield* book.unpaid(provider, 0)).length, 1)
      const left = yield* book.takeOver(provider, lease, 6_000)
      assert.deepStrictEqual(
        left
          .map((unfinished) =>
            unfinished._tag === "Unanswered"
              ? [unfinished._tag, unfinished.begun, unfinished.saidUntil]
              : [unfinished._tag, unfinished.answers]
          )
          .toSorted(),
        [
          ["Answered", [answer]],
          ["Unanswered", 2, 5]
        ]
      )
      assert.strictEqual((yield* book.steps(left[0]?.job.id ?? answer.id)).length, 1)
    }).pipe(inDatabase)
  )
})
