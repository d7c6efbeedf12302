import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Bank, Wallet } from "@farthing/wallet"
import type { Scope } from "effect"
import { Duration, Effect, Schedule } from "effect"
import type { ChildProcess } from "node:child_process"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import * as Treasury from "../src/Treasury.ts"
import { databaseFile, fee, funds, sats, worldIn } from "./Fixture.ts"

const program = new URL("program.ts", import.meta.url).pathname

const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "farthing-compile-cache") }

interface Process {
  readonly child: ChildProcess
  readonly line: Effect.Effect<string>
}

const start = (filename: string, task: string): Effect.Effect<Process, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [program, filename, task], {
        env,
        stdio: ["pipe", "pipe", "inherit"]
      })
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const line = Effect.promise(async () => String((await lines.next()).value))
      return { child, line }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** As many processes at once, each with what came of each of its payments. */
const race = Effect.fnUntraced(function* (filename: string, task: string, processes: number) {
  const started = yield* Effect.replicateEffect(start(filename, task), processes, {
    concurrency: "unbounded"
  })
  for (const { line } of started) assert.strictEqual(yield* line, "ready")
  for (const { child } of started) child.stdin?.write("go\n")
  const said = yield* Effect.forEach(started, ({ line }) => line)
  return said.flatMap((line): ReadonlyArray<string> => JSON.parse(line))
})

const killed = Effect.fnUntraced(function* (filename: string, task: string, moment: string) {
  const { child, line } = yield* start(filename, task)
  assert.strictEqual(yield* line, moment)
  child.kill("SIGKILL")
  yield* Effect.promise(() => once(child, "exit"))
})

const count = (outcomes: ReadonlyArray<string>) =>
  Object.fromEntries(
    Object.entries(Object.groupBy(outcomes, (o) => o)).map(([o, all]) => [o, all?.length])
  )

/** Runs here, in the same database, after the others. */
const inFile = <A, E>(
  body: (
    filename: string
  ) => Effect.Effect<A, E, Treasury.Treasury | Wallet.Wallet | Bank.Bank | Scope.Scope>
) =>
  Effect.flatMap(databaseFile, (filename) =>
    body(filename).pipe(Effect.provide(worldIn(Sqlite.layer({ filename }))))
  )

const takenFromWallet = Effect.gen(function* () {
  const wallet = yield* Wallet.Wallet
  return Msat.subtract(funds, yield* wallet.balance)
})

describe("processes that share a ledger", () => {
  it.live("that race spend the daily limit to the last sat and never more", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        const outcomes = yield* race(filename, "race", 3)
        assert.deepStrictEqual(count(outcomes), { paid: 30, daily_limit_sats: 30 })
        assert.strictEqual((yield* treasury.status).spentToday, sats(300))
        assert.strictEqual(yield* takenFromWallet, sats(300))
        assert.deepStrictEqual((yield* treasury.audit).findings, [])
      })
    )
  )

  it.live("pay a purchase once, whoever tries", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const outcomes = yield* race(filename, "purchase", 2)
        assert.deepStrictEqual(count(outcomes), { paid: 1, PaymentRefused: 5 })
        assert.strictEqual(yield* takenFromWallet, sats(10))
      })
    )
  )

  it.live("wait for what the other holds", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const outcomes = yield* race(filename, "queue", 2)
        assert.deepStrictEqual(count(outcomes), { paid: 10 })
        assert.strictEqual(yield* takenFromWallet, sats(100))
      })
    )
  )
})

describe("a process that is killed", () => {
  /** Until the dead process's lease has lapsed there is nothing to recover. */
  const recovered = Effect.flatMap(Treasury.Treasury, ({ recover }) => recover).pipe(
    Effect.repeat({
      until: (records) => records.length > 0,
      schedule: Schedule.spaced(Duration.millis(100))
    })
  )

  it.live("after it paid loses nothing and pays nothing twice", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        yield* killed(filename, "paidAndSilent", "paid")
        assert.strictEqual((yield* treasury.status).held, sats(101))
        assert.deepStrictEqual(
          (yield* recovered).map(({ state }) => state),
          ["settled"]
        )
        assert.strictEqual((yield* treasury.status).spentEver, Msat.add(sats(100), fee))
        assert.strictEqual(yield* takenFromWallet, Msat.add(sats(100), fee))
        assert.deepStrictEqual((yield* treasury.audit).findings, [])
      })
    )
  )

  it.live("before it submitted gives its reservation back", () =>
    inFile(
      Effect.fnUntraced(function* (filename) {
        const treasury = yield* Treasury.Treasury
        yield* killed(filename, "reserved", "reserved")
        assert.strictEqual((yield* treasury.status).held, sats(110))
        assert.deepStrictEqual(
          (yield* recovered).map(({ state }) => state),
          ["failed"]
        )
        assert.strictEqual((yield* treasury.status).held, Msat.zero)
        assert.strictEqual(yield* takenFromWallet, Msat.zero)
      })
    )
  )
})
