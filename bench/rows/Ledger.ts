/** The spend ledger: what a budget that holds under power loss costs, beside bare SQLite. */
import { type Limits, Treasury } from "@farthing/budget"
import { Bolt11, Key, Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Wallet } from "@farthing/wallet"
import { Payer } from "@farthing/wallet/Payer"
import { Context, Duration, Effect, FileSystem, Layer, Option, Stream } from "effect"
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Alternate from "../src/Alternate.ts"
import { atLeast, measured, type Row } from "../src/Row.ts"
import { timed } from "../src/Stopwatch.ts"

const network = "regtest"
const pairs = 400
const amount = Msat.make(10_000)
const plenty = Msat.make(1_000_000_000_000)

/** Every kind of limit, none of them near. */
const limits: Limits.Limits = {
  daily: plenty,
  perTick: plenty,
  perJob: plenty,
  perProviderDaily: plenty,
  firstSpend: plenty,
  unprovenDaily: plenty,
  unresolved: plenty,
  lifetime: plenty,
  reserve: Msat.zero,
  maxFee: Msat.make(1_000),
  maxFeePercent: 1,
  wait: Duration.zero,
  timeZone: "UTC"
}

const preimages = new Map<Bolt11.PaymentHash, Bolt11.Preimage>()

/** A wallet that pays at once and in memory: what is measured is the ledger. */
const wallet = Layer.mergeAll(
  Layer.mock(Wallet.Wallet)({
    id: Wallet.WalletId.make("bench"),
    balance: Effect.succeed(plenty),
    incoming: Stream.empty
  }),
  Layer.succeed(Payer)({
    capsFee: true,
    pay: ({ invoice }) =>
      Effect.succeed({
        preimage: preimages.get(invoice.paymentHash) ?? Bolt11.Preimage.make("00".repeat(32)),
        fee: Msat.zero
      }),
    lock: () => Effect.never,
    resume: () => Effect.never
  })
)

const spend = (index: number): Treasury.Spend => {
  const preimage = Bolt11.Preimage.make(randomBytes(32).toString("hex"))
  const paymentHash = Bolt11.hashOf(preimage)
  preimages.set(paymentHash, preimage)
  return {
    purchase: Treasury.PurchaseId.make(paymentHash),
    tick: Treasury.TickId.make(`tick ${index}`),
    payee: Key.PublicKey.make("01".repeat(32)),
    invoice: {
      bolt11: `lnbcrt ${paymentHash}`,
      network,
      amount: Option.some(amount),
      createdAt: 0,
      expiresAt: 4_000_000_000,
      paymentHash,
      paymentSecret: "02".repeat(32),
      payee: "02".repeat(33),
      description: Option.none(),
      descriptionHash: Option.none(),
      minFinalCltvDelta: 18
    },
    cap: Msat.make(20_000),
    approved: false
  }
}

const ours = (folder: string, concurrency: number) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(
      Treasury.layer({ network, limits }).pipe(
        Layer.provide(wallet),
        Layer.provide(
          Sqlite.layer({ filename: join(folder, `${randomBytes(4).toString("hex")}.db`) })
        )
      )
    )
    const { pay } = Context.get(context, Treasury.Treasury)
    const spends = Array.from({ length: pairs }, (_, index) => spend(index))
    const { wall } = yield* timed(Effect.forEach(spends, pay, { concurrency, discard: true }))
    return pairs / wall
    // As in the product, where nobody asked for telemetry.
  }).pipe(Effect.scoped, Effect.withTracerEnabled(false))

/** A row inserted and a row updated, each in a transaction of its own. */
const raw = (folder: string) =>
  Effect.gen(function* () {
    const database = new DatabaseSync(join(folder, `${randomBytes(4).toString("hex")}.db`))
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    database.exec("CREATE TABLE spend (hash TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT")
    const insert = database.prepare("INSERT INTO spend VALUES (?, 'reserved')")
    const update = database.prepare("UPDATE spend SET state = 'settled' WHERE hash = ?")
    const { wall } = yield* timed(
      Effect.sync(() => {
        for (let index = 0; index < pairs; index++) {
          for (const statement of [insert, update]) {
            database.exec("BEGIN IMMEDIATE")
            statement.run(String(index))
            database.exec("COMMIT")
          }
        }
      })
    )
    database.close()
    return pairs / wall
  })

const compare = (concurrency: number) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped({ prefix: "farthing-bench-" })
    const medians = yield* Alternate.medians({
      rounds: 5,
      ours: ours(folder, concurrency),
      baseline: raw(folder)
    })
    return {
      what: `payments reserved, submitted and settled, ${concurrency} at a time`,
      unit: "payments/s",
      value: medians.ours,
      baseline: { name: "two bare transactions, one at a time", value: medians.baseline },
      bar: atLeast("ratio", 0.6)
    }
  })

export const ledger: Row = {
  name: "ledger",
  title: "the spend ledger",
  measure: Effect.map(Effect.all([compare(1), compare(50)]), measured)
}
