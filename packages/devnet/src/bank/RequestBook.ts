/**
 * Which orders a wallet service has taken, so that each is carried out at most once, however
 * often relays deliver it and whenever the service restarts.
 */
import { NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Effect, Result, Schema } from "effect"
import { SqlClient } from "effect/sql"

const migrate = Sqlite.migrate("nwc_migrations", {
  "1_requests": Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`
      CREATE TABLE nwc_request (
        id TEXT PRIMARY KEY,
        account TEXT NOT NULL,
        request TEXT NOT NULL,
        response TEXT,
        received_at INTEGER NOT NULL
      ) STRICT`
    yield* sql`
      CREATE INDEX nwc_request_unanswered ON nwc_request (account) WHERE response IS NULL`
  })
})

/** For how long the book remembers an order, in seconds; older ones are not taken at all. */
const memory = 86_400

export type RequestBook = Effect.Success<typeof make>

export const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* migrate
  const now = yield* UnixTime.now
  yield* sql`DELETE FROM nwc_request WHERE received_at < ${now - memory}`

  return {
    /** True for whoever takes the order; it is never taken again. */
    take: (account: string, request: NostrEvent.NostrEvent, now: number) =>
      sql`
        INSERT INTO nwc_request ${sql.insert({
          id: request.id,
          account,
          request: JSON.stringify(request),
          received_at: now
        })} ON CONFLICT DO NOTHING RETURNING id`.pipe(Effect.map((taken) => taken.length > 0)),

    /** What is sent as the answer, now and if the request should come again. */
    answer: (request: NostrEvent.NostrEvent, response: NostrEvent.NostrEvent) =>
      sql`
        UPDATE nwc_request SET response = ${JSON.stringify(response)} WHERE id = ${request.id}`,

    /** The answer to an order that was taken before; undefined while there is none. */
    answerTo: (request: NostrEvent.NostrEvent) =>
      sql<{ readonly response: string | null }>`
        SELECT response FROM nwc_request WHERE id = ${request.id}`.pipe(
        Effect.map((rows) => rows.flatMap((row) => storedEvent(row.response))[0])
      ),

    /** Orders that were taken and have no answer yet. */
    unanswered: (account: string) =>
      sql<{ readonly request: string }>`
        SELECT request FROM nwc_request WHERE account = ${account} AND response IS NULL`.pipe(
        Effect.map((rows) => rows.flatMap((row) => storedEvent(row.request)))
      )
  }
})

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(NostrEvent.NostrEvent))

const storedEvent = (text: string | null): ReadonlyArray<NostrEvent.NostrEvent> =>
  Result.match(decode(text), { onFailure: () => [], onSuccess: (event) => [event] })
