/** What only the bank knows, read from its book. */
import { Sqlite } from "@farthing/sqlite"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as Secret from "./Secret.ts"

export interface BankSecrets {
  /** Preimages of invoices that nobody paid, and the seed of all accounts: the bank's alone. */
  readonly unreleased: ReadonlyArray<Secret.Secret>
  /** Preimages of invoices that were paid: their customer's, and nobody else's. */
  readonly released: ReadonlyArray<Secret.Secret>
}

export const read = Effect.fnUntraced(
  function* (_filename: string) {
    const sql = yield* SqlClient.SqlClient
    const [book] = yield* sql<{ readonly seed: string }>`SELECT seed FROM bank_book`
    const invoices = yield* sql<{
      readonly preimage: string
      readonly state: string
    }>`SELECT preimage, state FROM bank_invoice`
    const preimages = (paid: boolean) =>
      invoices
        .filter(({ state }) => (state === "settled") === paid)
        .map(({ preimage, state }) => Secret.ofHex(`preimage of a ${state} invoice`, preimage))
    return {
      unreleased: [Secret.ofHex("bank's seed", book?.seed ?? ""), ...preimages(false)],
      released: preimages(true)
    } satisfies BankSecrets
  },
  (effect, filename) => Effect.provide(effect, Sqlite.layer({ filename }))
)
