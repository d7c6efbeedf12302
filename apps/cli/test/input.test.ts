import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import * as Cli from "./support/Cli.ts"

const nsec = `nsec1${"q".repeat(58)}`
const password = "hunter2"

/** Each is refused before anything is dialled, signed or paid. */
const refusals: ReadonlyArray<{
  readonly name: string
  readonly args: ReadonlyArray<string>
  readonly env?: Cli.Env
  readonly stdin?: string | Uint8Array
  readonly says: RegExp
}> = [
  { name: "an unknown command", args: ["buy"], says: /buy/ },
  { name: "an unknown flag", args: ["ask", "--pricce", "1", "hello"], says: /--pricce/ },
  { name: "no prompt at all", args: ["ask"], says: /prompt/ },
  {
    name: "binary on stdin",
    args: ["ask"],
    stdin: Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff, 0xfe]),
    says: /stdin/
  },
  { name: "a huge prompt", args: ["ask"], stdin: "x".repeat(2_000_000), says: /bytes/ },
  {
    name: "a prompt too large for one event",
    args: ["ask"],
    stdin: "word ".repeat(40_000),
    says: /bytes/
  },
  {
    name: "a budget that is no number",
    args: ["ask", "hi", "--budget-sats", "ten"],
    says: /budget-sats/
  },
  { name: "a negative budget", args: ["ask", "hi", "--budget-sats=-1"], says: /budget-sats/ },
  { name: "a fraction of a sat", args: ["ask", "hi", "--budget-sats", "0.5"], says: /budget-sats/ },
  {
    name: "more sats than there are",
    args: ["ask", "hi", "--budget-sats", "99999999999999999"],
    says: /budget-sats/
  },
  { name: "zero tokens", args: ["ask", "hi", "--max-tokens", "0"], says: /max-tokens/ },
  {
    name: "a way to settle that is none",
    args: ["ask", "hi", "--settlement", "upfront,barter"],
    says: /"upfront", "escrow", "sealed"/
  },
  {
    name: "a way to settle that is named twice",
    args: ["provider", "--settlement", "sealed,sealed"],
    says: /each once/
  },
  {
    name: "no way to settle",
    args: ["ask", "hi"],
    env: { FARTHING_COMPUTE_SETTLEMENT: "," },
    says: /FARTHING_COMPUTE_SETTLEMENT/
  },
  { name: "an unknown policy", args: ["ask", "hi", "--policy", "dearest"], says: /policy/ },
  {
    name: "a provider key that is none",
    args: ["ask", "hi", "--provider", "npub1nonsense"],
    says: /provider/
  },
  {
    name: "a secret key that is none, without repeating it",
    args: ["ask", "hi"],
    env: { FARTHING_IDENTITY_NSEC: nsec },
    says: /FARTHING_IDENTITY_NSEC|identity/i
  },
  {
    name: "a mnemonic that is none",
    args: ["ask", "hi"],
    env: { FARTHING_IDENTITY_MNEMONIC: "abandon abandon abandon" },
    says: /mnemonic/i
  },
  {
    name: "a wallet URI that is none",
    args: ["ask", "hi"],
    env: { FARTHING_WALLET_NWC_URI: "nostr+walletconnect://nonsense" },
    says: /NWC|wallet/i
  },
  {
    name: "a network that is none",
    args: ["ask", "hi"],
    env: { FARTHING_NETWORK: "moonnet" },
    says: /moonnet/
  },
  {
    name: "a relay that is none",
    args: ["ask", "hi"],
    env: { FARTHING_RELAYS_URLS: "https://example.com" },
    says: /ws:\/\//
  },
  {
    name: "a limit that is none",
    args: ["budget"],
    env: { FARTHING_RUNWAY_DAILY_LIMIT_SATS: "-5" },
    says: /daily_limit_sats/i
  },
  {
    name: "a mistyped limit, with the nearest one",
    args: ["budget"],
    env: { FARTHING_RUNWAY_DAYLY_LIMIT_SATS: "5" },
    says: /DAILY_LIMIT_SATS/i
  },
  {
    name: "a duration that is none",
    args: ["ask", "hi"],
    env: { FARTHING_COMPUTE_QUOTE_TIMEOUT: "soon" },
    says: /quote_timeout/i
  },
  { name: "a price that is none", args: ["provider", "--price-msats", "-1"], says: /price-msats/ },
  { name: "a backend that is no URL", args: ["provider", "--backend", "here"], says: /backend/ },
  {
    name: "a backend whose URL holds a password",
    args: ["provider", "--backend", `http://me:${password}@127.0.0.1:1/v1`],
    says: /without user and password/
  },
  {
    name: "a relay that is none, before anything is written",
    args: ["init", "--relay", "https://example.com"],
    says: /wss:/
  },
  { name: "a port that is none", args: ["dev", "--port", "70000"], says: /port/ },
  {
    name: "a configuration that is not there",
    args: ["--config", "/nonexistent.toml", "budget"],
    says: /nonexistent/
  }
]

describe("input that cannot be used is refused with exit 2 and a word on what would be", () => {
  for (const { args, env = {}, name, says, stdin } of refusals)
    it.live(name, () =>
      Effect.gen(function* () {
        const finished = yield* Cli.run(args, { FARTHING_HOME: yield* Cli.tempHome, ...env }, stdin)
        assert.strictEqual(finished.code, 2, finished.stdout + finished.stderr)
        assert.match(finished.stderr, says)
        assert.strictEqual(finished.stdout, "")
        assert.notMatch(finished.stderr, /\n\s+at |node:internal/)
        for (const secret of [nsec, password]) assert.notInclude(finished.stderr, secret)
      }).pipe(Effect.provide(Cli.layer))
    )

  it.live("a bad file is refused with file, key, value and what was expected", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const home = yield* Cli.tempHome
      yield* fs.writeFileString(
        `${home}/farthing.toml`,
        'network = "regtest"\n[runway]\ndaily_limit_sats = "lots"\n'
      )
      const finished = yield* Cli.run(["budget"], { FARTHING_HOME: home })
      assert.strictEqual(finished.code, 2)
      assert.match(finished.stderr, /farthing\.toml/)
      assert.match(finished.stderr, /daily_limit_sats/)
      assert.match(finished.stderr, /lots/)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("every fault of a configuration has a line of its own", () =>
    Effect.gen(function* () {
      const finished = yield* Cli.run(["budget"], {
        FARTHING_HOME: yield* Cli.tempHome,
        FARTHING_NETWORK: "moonnet",
        FARTHING_WALLET_KIND: "gold"
      })
      assert.match(finished.stderr, /moonnet.*\n.*gold/)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("a configuration in the current directory is not read", () =>
    Effect.gen(function* () {
      const finished = yield* Cli.run(["budget", "--json"], { FARTHING_HOME: yield* Cli.tempHome })
      assert.strictEqual(finished.code, 0, finished.stderr)
      assert.notInclude(finished.stdout, "daily_limit_sats")
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("a wallet on another network is not paid from", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market()
      const env = yield* market.account(0, { FARTHING_NETWORK: "signet" })
      const finished = yield* Cli.run(["ask", "hello", "--json"], env)
      assert.strictEqual(finished.code, 2, finished.stderr)
      assert.include(finished.stdout, '"tag":"WrongNetwork"')
      assert.notInclude(finished.stdout, '"stage"')
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("a model that nobody sells", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market()
      const finished = yield* Cli.run(
        ["ask", "hello", "--model", "nobody-sells-this"],
        yield* market.account(0)
      )
      assert.strictEqual(finished.code, 4, finished.stderr)
      assert.match(finished.stderr, /nobody-sells-this/)
    }).pipe(Effect.provide(Cli.layer))
  )
})
