import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import * as Cli from "../../cli/test/support/Cli.ts"
import * as Backend from "./support/Backend.ts"
import * as Exposition from "./support/Exposition.ts"
import * as Workers from "./support/Workers.ts"

const price = 10_000

/** What an account of the market is opened with, in msat. */
const opening = 100_000_000

/** A market with a worker, of account 1, whose backend waits in the middle of each text. */
const selling = Effect.fnUntraced(function* (settings: Cli.Env = {}) {
  const market = yield* Cli.market(["--no-provider"])
  const backend = yield* Backend.make()
  const env = yield* market.account(1, { FARTHING_PROVIDER_BACKEND_URL: backend.url, ...settings })
  const worker = yield* Workers.selling(env)
  return { market, backend, env, worker, customer: yield* market.account(0) }
})

/** Somebody who has paid and heard the beginning. */
const halfServed = Effect.fnUntraced(function* (env: Cli.Env) {
  const ask = yield* Cli.start(["ask", "Tell me a story", "--json"], env)
  yield* ask.until('"chunk"')
  return ask
})

const Wallet = Schema.fromJsonString(Schema.Struct({ balance_msats: Schema.Int }))

const balanceOf = Effect.fnUntraced(function* (env: Cli.Env) {
  const { stdout } = yield* Cli.run(["wallet", "--json"], env)
  return (yield* Schema.decodeEffect(Wallet)(stdout)).balance_msats
})

/** Whom a newcomer finds. */
const providersIn = Effect.fnUntraced(function* (env: Cli.Env) {
  const impatient = { ...env, FARTHING_COMPUTE_DISCOVERY_TIMEOUT: "1 second" }
  return (yield* Cli.run(["providers", "--json"], impatient)).stdout.trim()
})

describe("a provider as a service", () => {
  it.live("is bought from, and its metrics agree with the bank and with its customer", () =>
    Effect.gen(function* () {
      // A server that is never there, at an address that metrics do not take as it is.
      const odd = 'http://127.0.0.1:1/"a\\b"'
      const { backend, customer, env, worker } = yield* selling({
        FARTHING_PROVIDER_FALLBACK_URLS: odd
      })
      yield* backend.finish
      const asked = yield* Cli.run(["ask", "Tell me a story"], customer)
      assert.strictEqual(asked.stdout, "Once upon a coin.\n", asked.stderr)
      yield* worker.until('"delivered"')
      assert.strictEqual(yield* worker.metric('farthing_worker_jobs{state="delivered"}'), 1)
      assert.strictEqual(yield* worker.metric('farthing_provider_jobs_total{state="delivered"}'), 1)
      assert.strictEqual(
        yield* worker.metric('farthing_worker_jobs_msats{state="delivered"}'),
        (yield* balanceOf(env)) - opening
      )
      assert.strictEqual(yield* worker.metric("farthing_worker_ready"), 1)
      const { text } = yield* worker.get("/metrics")
      const health = Exposition.parse(text).filter(({ name }) => name.endsWith("_backend_healthy"))
      assert.deepStrictEqual(
        health.map(({ labels, value }) => [labels.get("backend"), value]),
        [
          [backend.url, 1],
          [odd, 0]
        ]
      )
      assert.strictEqual((yield* worker.get("/healthz")).status, 200)
      assert.strictEqual((yield* worker.get("/")).status, 404)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("that is told to stop says so at once, and finishes what is paid", () =>
    Effect.gen(function* () {
      const { backend, customer, worker } = yield* selling()
      const ask = yield* halfServed(customer)
      const told = yield* Effect.forkChild(worker.kill("SIGTERM"))
      yield* worker.until('"offline"')
      const { parts, ready, stopping } = yield* worker.readiness
      assert.deepStrictEqual(
        { ready, stopping, wallet: parts["wallet"]?.ready },
        {
          ready: false,
          stopping: true,
          wallet: true
        }
      )
      assert.strictEqual(yield* providersIn(customer), "[]")
      yield* backend.finish
      yield* ask.until('"receipt"')
      assert.strictEqual(yield* ask.exitCode, 0)
      assert.strictEqual(yield* worker.exitCode, 0)
      yield* Fiber.join(told)
      assert.match(yield* worker.output, /"message":"stopped"/)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("ends at its deadline; what is left is owed, and done in its next life", () =>
    Effect.gen(function* () {
      const { backend, customer, env, worker } = yield* selling({
        FARTHING_WORKER_STOP_WITHIN: "200 millis"
      })
      const ask = yield* halfServed(customer)
      yield* Effect.forkChild(worker.kill("SIGINT"))
      assert.strictEqual(yield* worker.exitCode, 3)
      assert.match(
        yield* worker.output,
        /stopped at the deadline: 1 paid job is left in the books, and taken up on the next start/
      )
      yield* backend.finish
      yield* Workers.selling(env)
      yield* ask.until('"receipt"')
      assert.strictEqual(yield* ask.exitCode, 0)
      assert.match(yield* ask.output, /"text":"Once upon a coin\."/)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("ends at once when it is told a second time", () =>
    Effect.gen(function* () {
      const { customer, env, worker } = yield* selling()
      yield* halfServed(customer)
      yield* Effect.forkChild(worker.kill("SIGTERM"))
      yield* worker.until('"stopping"')
      yield* Effect.forkChild(worker.kill("SIGTERM"))
      assert.strictEqual(yield* worker.exitCode, 130)
      assert.match(yield* worker.output, /ended at once, by a second signal: 1 paid job is left/)
      assert.strictEqual((yield* balanceOf(env)) - opening, price)
    }).pipe(Effect.provide(Cli.layer))
  )
})
