import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import * as Cli from "../../cli/test/support/Cli.ts"
import * as Backend from "./support/Backend.ts"
import * as Workers from "./support/Workers.ts"

/** How a worker ends that cannot begin. */
const refusal = Effect.fnUntraced(function* (env: Cli.Env, args?: ReadonlyArray<string>) {
  const worker = yield* Workers.launch({ FARTHING_HOME: yield* Cli.tempHome, ...env }, args)
  const code = yield* worker.exitCode
  return { code, output: yield* worker.output }
})

/** A port that somebody else has. */
const takenPort = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () =>
      resume(
        Effect.succeed({
          port: (server.address() as AddressInfo).port,
          close: () => server.close()
        })
      )
    )
  }),
  ({ close }) => Effect.sync(close)
)

const wallet = `nostr+walletconnect://${"b8".repeat(32)}?relay=ws%3A%2F%2F127.0.0.1%3A9&secret=${"71".repeat(32)}`

describe("a worker that cannot begin says why", () => {
  it.live("a configuration that is wrong, with file, key and what was expected", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const file = `${yield* Cli.tempHome}/worker.toml`
      yield* fs.writeFileString(file, '[worker]\nstop_within = "soon"\nports = 1\n')
      const { code, output } = yield* refusal({}, ["--config", file])
      assert.strictEqual(code, 2)
      assert.match(output, /worker\.toml: worker\.stop_within is "soon"; expected a duration/)
      assert.match(output, /worker\.ports is unknown; did you mean worker\.port\?|worker\.port\b/)
    }).pipe(Effect.scoped, Effect.provide(Cli.layer))
  )

  it.live("a file that is not there, a flag that is unknown, a wallet that is missing", () =>
    Effect.gen(function* () {
      const missing = yield* refusal({}, ["--config", "/nowhere/farthing.toml"])
      assert.strictEqual(missing.code, 2)
      assert.match(missing.output, /\/nowhere\/farthing\.toml/)
      const unknown = yield* refusal({}, ["--port", wallet])
      assert.strictEqual(unknown.code, 2)
      assert.notInclude(unknown.output, "71".repeat(32))
      const poor = yield* refusal({})
      assert.strictEqual(poor.code, 2)
      assert.match(poor.output, /There is no wallet yet\. .*FARTHING_WALLET_NWC_URI/)
    }).pipe(Effect.scoped, Effect.provide(Cli.layer))
  )

  it.live("a port that is taken", () =>
    Effect.gen(function* () {
      const { port } = yield* takenPort
      const { code, output } = yield* refusal({
        FARTHING_WALLET_NWC_URI: wallet,
        FARTHING_WORKER_PORT: String(port)
      })
      assert.strictEqual(code, 1)
      assert.include(output, `Nothing can be served at 127.0.0.1, port ${port} (EADDRINUSE).`)
    }).pipe(Effect.scoped, Effect.provide(Cli.layer))
  )
})

describe("a worker whose wallet is on another network", () => {
  it.live("sells nothing, and is not to be started again", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market(["--no-provider"])
      const { code, output } = yield* refusal(
        yield* market.account(1, { FARTHING_NETWORK: "testnet" })
      )
      assert.strictEqual(code, 2)
      assert.match(output, /farthing-worker: The wallet is not on testnet/)
      assert.notMatch(output, /"online"/)
    }).pipe(Effect.scoped, Effect.provide(Cli.layer))
  )
})

describe("what a worker prints", () => {
  it.live("is JSON a line, whatever others are called, and holds no secret", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const market = yield* Cli.market(["--no-provider"])
      const backend = yield* Backend.make({ models: ['ti\u001b[2Jny\n{"level":"fatal"}\u202e'] })
      yield* backend.finish
      const env = yield* market.account(1, { FARTHING_PROVIDER_BACKEND_URL: backend.url })
      const worker = yield* Workers.selling(env, ["--log-level", "all"])
      const asked = yield* Cli.run(["ask", "hello"], yield* market.account(0))
      assert.strictEqual(asked.code, 0, asked.stderr)
      yield* worker.until('"delivered"')
      yield* worker.kill("SIGTERM")
      const output = yield* worker.output
      const nsec = (yield* fs.readFileString(`${env["FARTHING_HOME"]}/provider.nsec`)).trim()
      const uri = new URL(env["FARTHING_WALLET_NWC_URI"] ?? "")
      for (const secret of [nsec, uri.searchParams.get("secret") ?? "", uri.href])
        assert.notInclude(output, secret)
      for (const line of output.split("\n").filter((line) => line !== "")) {
        const { level, message, time } = JSON.parse(line)
        assert.isString(message)
        assert.include(["debug", "info", "warn"], level)
        assert.isFalse(Number.isNaN(Date.parse(time)))
      }
      // oxlint-disable-next-line no-control-regex
      assert.notMatch(output, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("is words for people, where they ask for them", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market(["--no-provider"])
      const env = yield* market.account(1, {
        FARTHING_WORKER_LOG_FORMAT: "pretty",
        FARTHING_WORKER_PORT: "0"
      })
      const worker = yield* Workers.launch(env)
      const line = yield* worker.until("online")
      assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}online channel=[0-9a-f]{64} models=/)
    }).pipe(Effect.provide(Cli.layer))
  )
})
