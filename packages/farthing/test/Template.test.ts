import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Config from "../src/Config.ts"
import { load, sats } from "./TestConfig.ts"

describe("The file for newcomers", () => {
  const options = {
    network: "regtest",
    relays: ["ws://127.0.0.1:7777"],
    walletKind: "nwc"
  } as const

  it.effect("says what counts without it, and sets limits", () =>
    Effect.gen(function* () {
      const [{ file: _file, runway, ...rest }, { file: _none, runway: bare, ...defaults }] = [
        yield* load(Config.template(options)),
        yield* load(undefined)
      ]
      assert.deepStrictEqual(rest, defaults)
      assert.deepStrictEqual(runway, {
        ...bare,
        limits: {
          ...bare.limits,
          daily: sats(100_000),
          perTick: sats(1_000),
          perJob: sats(1_000),
          perProviderDaily: sats(20_000),
          firstSpend: sats(100),
          unprovenDaily: sats(1_000),
          unresolved: sats(5_000)
        }
      })
    })
  )

  it.effect("shows every key; what it comments out is an example or the default", () =>
    Effect.gen(function* () {
      const shown = Config.template(options)
        .split("\n")
        .map((line) => line.replace(/^# (?=\w+ = )/, ""))
        .filter(
          (line) =>
            !/^(nsec_file|mnemonic_file|nwc_uri_file|spark_connection|models|backend_url|sells) /.test(
              line
            )
        )
        .join("\n")
      const { file: _file, runway, ...rest } = yield* load(shown)
      const { file: _none, runway: _runway, ...defaults } = yield* load(undefined)
      assert.deepStrictEqual(rest, defaults)
      assert.strictEqual(runway.limits.lifetime, sats(1_000_000))
      assert.strictEqual(runway.limits.approvalAbove, sats(5_000))
      assert.strictEqual(shown.split("\n").filter((line) => /^\w+ = /.test(line)).length, 63)
    })
  )

  it.effect("keeps what was chosen", () =>
    Effect.gen(function* () {
      const config = yield* load(
        Config.template({
          network: "mainnet",
          relays: ["wss://one.example/#a", 'wss://two.example/?q="'],
          walletKind: "spark"
        })
      )
      assert.strictEqual(config.network, "mainnet")
      assert.deepStrictEqual(config.relays.urls, ["wss://one.example/#a", 'wss://two.example/?q="'])
      assert.strictEqual(config.wallet.kind, "spark")
    })
  )
})
