/** Processes that share a database with this one: each is a `program.ts` at a task. */
import { assert } from "@effect/vitest"
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
import { PurchaseId } from "../src/Spend.ts"
import * as Treasury from "../src/Treasury.ts"
import { databaseFile, funds, worldIn } from "./Fixture.ts"

const program = new URL("program.ts", import.meta.url).pathname

const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "farthing-compile-cache") }

export interface Process {
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
export const race = Effect.fnUntraced(function* (
  filename: string,
  task: string,
  processes: number
) {
  const started = yield* Effect.replicateEffect(start(filename, task), processes, {
    concurrency: "unbounded"
  })
  for (const { line } of started) assert.strictEqual(yield* line, "ready")
  for (const { child } of started) child.stdin?.write("go\n")
  const said = yield* Effect.forEach(started, ({ line }) => line)
  return said.flatMap((line): ReadonlyArray<string> => JSON.parse(line))
})

/** A process that has come to a certain point. */
export const startedUntil = Effect.fnUntraced(function* (
  filename: string,
  task: string,
  point: string
) {
  const process = yield* start(filename, task)
  assert.strictEqual(yield* process.line, point)
  return process
})

export const killed = Effect.fnUntraced(function* (filename: string, task: string, point: string) {
  const { child } = yield* startedUntil(filename, task, point)
  child.kill("SIGKILL")
  yield* Effect.promise(() => once(child, "exit"))
})

/** Goes on where it was held up; answers with what it says then. */
export const goOn = ({ child, line }: Process) =>
  Effect.suspend(() => {
    child.kill("SIGCONT")
    child.stdin?.write("go\n")
    return line
  })

export const count = (outcomes: ReadonlyArray<string>) =>
  Object.fromEntries(
    Object.entries(Object.groupBy(outcomes, (o) => o)).map(([o, all]) => [o, all?.length])
  )

/** Runs here, in the same database, after the others. */
export const inFile = <A, E>(
  body: (
    filename: string
  ) => Effect.Effect<A, E, Treasury.Treasury | Wallet.Wallet | Bank.Bank | Scope.Scope>
) =>
  Effect.flatMap(databaseFile, (filename) =>
    body(filename).pipe(Effect.provide(worldIn(Sqlite.layer({ filename }))))
  )

export const takenFromWallet = Effect.gen(function* () {
  const wallet = yield* Wallet.Wallet
  return Msat.subtract(funds, yield* wallet.balance)
})

/** Until the dead process's lease has lapsed there is nothing to recover. */
export const recovered = Effect.flatMap(Treasury.Treasury, ({ recover }) => recover).pipe(
  Effect.repeat({
    until: (records) => records.length > 0,
    schedule: Schedule.spaced(Duration.millis(100))
  })
)

export const stateOf = Effect.flatMap(Treasury.Treasury, ({ find }) =>
  Effect.map(find(PurchaseId.make("one wish")), ([spend]) => spend?.state)
)
