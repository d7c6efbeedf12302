import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Schema } from "effect"
import * as Cli from "../../cli/test/support/Cli.ts"
import * as Backend from "./support/Backend.ts"
import * as Workers from "./support/Workers.ts"

const price = 10_000

/** What an account of the market is opened with, in msat. */
const opening = 100_000_000

/** Of NIP-06. */
const words = "leader monkey parrot ring guide accident before fence cannon height naive bean"

const general = `
[agent]
heartbeat_seconds = 1
jitter = 0
trajectory = "off"
[runway]
low_balance_days = 0
`

const alice = "[agents.alice]\naccount = 1\n"
const bob = '[agents.bob]\naccount = 2\nnwc_uri_file = "bob.nwc"\n'

/** A home with agents, of which alice lives on the wallet of another account. */
const household = Effect.fnUntraced(function* (options: {
  readonly market: Effect.Success<ReturnType<typeof Cli.market>>
  readonly toml: string
  readonly settings?: Cli.Env
}) {
  const fs = yield* FileSystem.FileSystem
  const { market, settings, toml } = options
  const purse = yield* market.account(0)
  const env = yield* market.account(1, {
    FARTHING_IDENTITY_MNEMONIC: words,
    FARTHING_AGENTS_ALICE_NWC_URI: purse["FARTHING_WALLET_NWC_URI"] ?? "",
    ...settings
  })
  const file = `${env["FARTHING_HOME"]}/farthing.toml`
  const write = (text: string) => fs.writeFileString(file, general + text)
  yield* write(toml)
  return { env, purse, write }
})

const Wallet = Schema.fromJsonString(Schema.Struct({ balance_msats: Schema.Int }))

const spentBy = Effect.fnUntraced(function* (env: Cli.Env) {
  const { stdout } = yield* Cli.run(["wallet", "--json"], env)
  return opening - (yield* Schema.decodeEffect(Wallet)(stdout)).balance_msats
})

/** An agent that buys of the worker's own provider, whose backend waits in the middle of a text. */
const thinking = Effect.fnUntraced(function* (settings: Cli.Env = {}) {
  const market = yield* Cli.market(["--no-provider"])
  const backend = yield* Backend.make({ rest: "upon a coin.\nREMEMBER: a coin" })
  const home = yield* household({
    market,
    toml: alice,
    settings: { FARTHING_PROVIDER_BACKEND_URL: backend.url, ...settings }
  })
  const worker = yield* Workers.selling(home.env)
  yield* worker.until('"paid"')
  return { ...home, backend, worker }
})

const count = (output: string, text: string): number => output.split(text).length - 1

describe("agents as a service", () => {
  it.live("live beside one that cannot, and by what their configuration says now", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market()
      const { env, write } = yield* household({ market, toml: alice + bob })
      const worker = yield* Workers.start(env)
      assert.match(yield* worker.until("the tick has failed"), /"agent":"bob".*bob\.nwc/)
      assert.match(yield* worker.until('"thought"'), /"agent":"alice".*"cost_msats":10000/)
      yield* worker.until('"thought"')
      const { parts } = yield* worker.untilReadiness(({ ready }) => ready)
      assert.deepStrictEqual(Object.keys(parts), ["relay", "agents"])
      const agents = (standing: string) =>
        worker.metric(`farthing_worker_agents{standing="${standing}"}`)
      assert.deepStrictEqual([yield* agents("active"), yield* agents("failing")], [1, 1])
      assert.isAtLeast(yield* worker.metric('farthing_agent_ticks_total{end="thought"}'), 2)

      yield* write(`${alice}daily_limit_sats = 1\n`)
      process.kill(worker.pid, "SIGHUP")
      assert.match(
        yield* worker.until("was read again"),
        /"why":"SIGHUP","came":\[\],"changed":\["alice"\],"left":\["bob"\]/
      )
      assert.match(yield* worker.until("BudgetExhausted"), /"agent":"alice".*daily_limit_sats/)
      yield* write("[agents.alice]\naccount = 0\n")
      assert.match(yield* worker.until("stays as it was"), /agents\.alice\.account is 0/)
      yield* write(alice)
      yield* worker.until('"thought"')
      yield* worker.kill("SIGTERM")
      assert.strictEqual(yield* worker.exitCode, 0)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("that are told to stop finish their ticks, and none begins", () =>
    Effect.gen(function* () {
      const { backend, purse, worker } = yield* thinking()
      yield* Effect.forkChild(worker.kill("SIGTERM"))
      yield* worker.until('"stopping"')
      yield* backend.finish
      assert.strictEqual(yield* worker.exitCode, 0, yield* worker.output)
      const output = yield* worker.output
      assert.match(output, /"thought".*"actions":\["Remember: done"\][^]*"stopped"/)
      assert.strictEqual(yield* spentBy(purse), count(output, '"thought"') * price)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("that are not done by the deadline are taken up where they stand", () =>
    Effect.gen(function* () {
      const { backend, env, purse, worker } = yield* thinking({
        FARTHING_WORKER_STOP_WITHIN: "200 millis"
      })
      yield* Effect.forkChild(worker.kill("SIGTERM"))
      assert.strictEqual(yield* worker.exitCode, 3)
      assert.match(yield* worker.output, /1 paid job and 1 tick are left in the books/)
      yield* backend.finish
      const next = yield* Workers.selling(env)
      assert.match(yield* next.until('"thought"'), /"tick":1,/)
      yield* next.kill("SIGTERM")
      assert.strictEqual(yield* spentBy(purse), count(yield* next.output, '"thought"') * price)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("whose process is killed buy a thought once", () =>
    Effect.gen(function* () {
      const { backend, env, purse, worker } = yield* thinking()
      yield* worker.kill("SIGKILL")
      yield* backend.finish
      const next = yield* Workers.selling(env)
      assert.match(yield* next.until('"thought"'), /"tick":1,/)
      yield* next.kill("SIGTERM")
      assert.strictEqual(yield* spentBy(purse), count(yield* next.output, '"thought"') * price)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("tick once where that is all that is asked for", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market()
      const { env, purse, write } = yield* household({ market, toml: alice + bob })
      const half = yield* Workers.launch(env, ["--once"])
      assert.strictEqual(yield* half.exitCode, 1)
      assert.match(yield* half.output, /"thought"[^]*farthing-worker: the tick has failed of: bob/)
      yield* write(alice)
      const whole = yield* Workers.launch(env, ["--once"])
      assert.strictEqual(yield* whole.exitCode, 0, yield* whole.output)
      assert.strictEqual(yield* spentBy(purse), 2 * price)
    }).pipe(Effect.provide(Cli.layer))
  )
})
