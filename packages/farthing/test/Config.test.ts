import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Duration, Effect, FileSystem, Layer, Option, Redacted } from "effect"
import * as Config from "../src/Config.ts"
import * as Environment from "../src/Environment.ts"
import * as Home from "../src/Home.ts"
import { load, mnemonic, refusal, sats } from "./TestConfig.ts"
import * as TestHome from "./TestHome.ts"

describe("Without a file", () => {
  it.effect("the defaults count, and no limit exists", () =>
    Effect.gen(function* () {
      const config = yield* load(undefined)
      assert.deepStrictEqual(config, {
        file: Option.none(),
        network: "regtest",
        identity: {
          nsec: Option.none(),
          mnemonic: Option.none(),
          nsecFile: Option.none(),
          mnemonicFile: Option.none()
        },
        relays: {
          urls: ["ws://127.0.0.1:7777"],
          publishQuorum: 1,
          publishTimeout: Duration.seconds(10)
        },
        wallet: {
          kind: "nwc",
          nwcUri: Option.none(),
          mnemonic: Option.none(),
          account: 0,
          sparkConnection: Option.none()
        },
        runway: {
          limits: {
            reserve: sats(0),
            maxFee: sats(10),
            maxFeePercent: 1,
            wait: Duration.seconds(10),
            timeZone: "UTC"
          },
          dailyBurn: sats(0),
          lowBalanceDays: 7,
          hibernateThreshold: sats(1000)
        },
        compute: {
          policy: "cheapest",
          maxTokens: 500,
          fallbacks: true,
          quotes: 1,
          maxAttempts: 3,
          settlement: ["upfront"],
          discoveryTimeout: Duration.seconds(3),
          quoteTimeout: Duration.seconds(30),
          paymentTimeout: Duration.seconds(60),
          firstChunkTimeout: Duration.seconds(60),
          idleTimeout: Duration.seconds(30),
          jobTimeout: Duration.seconds(120)
        },
        provider: {
          name: "my provider",
          price: Msat.make(10_000),
          modelPrices: {},
          models: Option.none(),
          backendUrl: Option.none(),
          fallbackUrls: [],
          capacity: 4,
          queue: 32,
          settlement: ["upfront"],
          maxUnpaidSealed: 8,
          jobTimeout: Duration.seconds(120)
        },
        agents: [],
        worker: {
          sells: true,
          host: "127.0.0.1",
          port: 9464,
          stopWithin: Duration.seconds(30),
          logFormat: "json"
        },
        telemetry: { otlpUrl: Option.none(), traceContext: false }
      })
    })
  )

  it.effect("the environment alone configures everything", () =>
    Effect.gen(function* () {
      const config = yield* load(undefined, {
        FARTHING_HOME: "/elsewhere",
        FARTHING_NETWORK: "mainnet",
        FARTHING_RELAYS_URLS: "wss://one.example, wss://two.example",
        FARTHING_RELAYS_PUBLISH_QUORUM: "2",
        FARTHING_WALLET_KIND: "spark",
        FARTHING_WALLET_MNEMONIC: mnemonic,
        FARTHING_WALLET_ACCOUNT: "1",
        FARTHING_RUNWAY_DAILY_LIMIT_SATS: "50_000",
        FARTHING_RUNWAY_PER_TICK_LIMIT_SATS: "0",
        FARTHING_RUNWAY_BUDGET_WAIT: "0 seconds",
        FARTHING_RUNWAY_MAX_FEE_PERCENT: "0.5",
        FARTHING_COMPUTE_FALLBACKS: "false",
        FARTHING_COMPUTE_SETTLEMENT: "sealed,escrow",
        FARTHING_PROVIDER_NAME: "Ada",
        FARTHING_PROVIDER_MODELS: "",
        FARTHING_PROVIDER_MODEL_PRICES: "llama3.2:3b=25_000, a=b=0",
        FARTHING_PROVIDER_SETTLEMENT: "upfront, sealed",
        FARTHING_PROVIDER_MAX_UNPAID_SEALED: "3",
        FARTHING_PROVIDER_JOB_TIMEOUT: "30 seconds",
        FARTHING_PROVIDER_FALLBACK_URLS: "http://one.example/v1, http://two.example/v1",
        FARTHING_TELEMETRY_OTLP_URL: "http://127.0.0.1:4318",
        FARTHING_TELEMETRY_TRACE_CONTEXT: "true",
        PATH: "/bin"
      })
      assert.strictEqual(config.network, "mainnet")
      assert.deepStrictEqual(config.relays, {
        urls: ["wss://one.example", "wss://two.example"],
        publishQuorum: 2,
        publishTimeout: Duration.seconds(10)
      })
      assert.strictEqual(config.wallet.kind, "spark")
      assert.strictEqual(Redacted.value(Option.getOrThrow(config.wallet.mnemonic)), mnemonic)
      assert.strictEqual(config.wallet.account, 1)
      assert.strictEqual(config.runway.limits.daily, sats(50_000))
      assert.strictEqual(config.runway.limits.perTick, sats(0))
      assert.notProperty(config.runway.limits, "perJob")
      assert.deepStrictEqual(config.runway.limits.wait, Duration.zero)
      assert.strictEqual(config.runway.limits.maxFeePercent, 0.5)
      assert.isFalse(config.compute.fallbacks)
      assert.deepStrictEqual(config.compute.settlement, ["sealed", "escrow"])
      assert.strictEqual(config.provider.name, "Ada")
      assert.deepStrictEqual(config.provider.models, Option.some([]))
      assert.deepStrictEqual(config.provider.modelPrices, {
        "llama3.2:3b": Msat.make(25_000),
        "a=b": Msat.zero
      })
      assert.deepStrictEqual(config.provider.settlement, ["upfront", "sealed"])
      assert.strictEqual(config.provider.maxUnpaidSealed, 3)
      assert.deepStrictEqual(config.provider.jobTimeout, Duration.seconds(30))
      assert.deepStrictEqual(config.provider.fallbackUrls, [
        "http://one.example/v1",
        "http://two.example/v1"
      ])
      assert.deepStrictEqual(config.telemetry.otlpUrl, Option.some("http://127.0.0.1:4318"))
      assert.isTrue(config.telemetry.traceContext)
    })
  )
})

describe("Prices of models", () => {
  it.effect("are written as a table, of names as the backend has them", () =>
    Effect.gen(function* () {
      const config = yield* load(`
        [provider]
        model_prices = { "llama3.2:3b" = 25_000, gift = 0 }
      `)
      assert.deepStrictEqual(config.provider.modelPrices, {
        "llama3.2:3b": Msat.make(25_000),
        gift: Msat.zero
      })
      const section = yield* load(`
        [provider.model_prices]
        "llama3.2:3b" = 25000
      `)
      assert.deepStrictEqual(section.provider.modelPrices, {
        "llama3.2:3b": Msat.make(25_000)
      })
    })
  )
})

describe("With a file", () => {
  it.effect("all limits are read, in msat", () =>
    Effect.gen(function* () {
      const config = yield* load(`
        [runway]
        daily_limit_sats = 100000
        per_tick_limit_sats = 1000
        per_job_limit_sats = 999
        per_provider_daily_sats = 20000
        first_spend_limit_sats = 100
        unproven_daily_limit_sats = 998
        max_unresolved_sats = 5000
        lifetime_limit_sats = 1000000
        approval_above_sats = 5001
        reserve_sats = 7
        budget_wait = "1 minute"
        max_fee_sats = 11
        max_fee_percent = 2
        time_zone = "Europe/Berlin"
      `)
      assert.deepStrictEqual(config.runway.limits, {
        daily: sats(100_000),
        perTick: sats(1_000),
        perJob: sats(999),
        perProviderDaily: sats(20_000),
        firstSpend: sats(100),
        unprovenDaily: sats(998),
        unresolved: sats(5_000),
        lifetime: sats(1_000_000),
        approvalAbove: sats(5_001),
        reserve: sats(7),
        wait: Duration.minutes(1),
        maxFee: sats(11),
        maxFeePercent: 2,
        timeZone: "Europe/Berlin"
      })
    })
  )

  it.effect("the environment counts more", () =>
    Effect.gen(function* () {
      const config = yield* load('network = "signet"\n[runway]\ndaily_limit_sats = 5', {
        FARTHING_RUNWAY_DAILY_LIMIT_SATS: "3"
      })
      assert.strictEqual(config.network, "signet")
      assert.strictEqual(config.runway.limits.daily, sats(3))
    })
  )

  it.effect("one that is named counts instead of the home's", () =>
    Effect.gen(function* () {
      const fileSystem = yield* FileSystem.FileSystem
      const home = yield* Home.Home
      const folder = yield* TestHome.folder
      yield* fileSystem.writeFileString(home.config, 'network = "mainnet"')
      yield* fileSystem.writeFileString(`${folder}/other.toml`, '[identity]\nnsec_file = "key"')
      const config = yield* Config.load({ path: `${folder}/other.toml` })
      assert.strictEqual(config.network, "regtest")
      assert.deepStrictEqual(config.file, Option.some(`${folder}/other.toml`))
      assert.deepStrictEqual(config.identity.nsecFile, Option.some(`${folder}/key`))
    }).pipe(Effect.provide(TestHome.layer), TestHome.withEnvironment({}))
  )

  it.effect("one that is named has to be there", () =>
    Effect.gen(function* () {
      const folder = yield* TestHome.folder
      const error = yield* Effect.flip(Config.load({ path: `${folder}/none.toml` }))
      assert.strictEqual(error.message, `${folder}/none.toml: cannot be read (NotFound)`)
    }).pipe(Effect.provide(TestHome.layer), TestHome.withEnvironment({}))
  )

  it.effect("one in the current directory is never read", () =>
    Effect.gen(function* () {
      const fileSystem = yield* FileSystem.FileSystem
      const folder = yield* TestHome.folder
      yield* fileSystem.writeFileString(`${folder}/farthing.toml`, 'network = "mainnet"')
      const before = process.cwd()
      const config = yield* Effect.acquireUseRelease(
        Effect.sync(() => process.chdir(folder)),
        () => Config.load(),
        () => Effect.sync(() => process.chdir(before))
      )
      assert.strictEqual(config.network, "regtest")
    }).pipe(Effect.provide(TestHome.layer), TestHome.withEnvironment({}))
  )
})

describe("A bad file is refused with file, key, value and what was expected", () => {
  it.effect.each<[string, string]>([
    [
      "[runway]\ndaily_limit_sats = -1",
      "farthing.toml: runway.daily_limit_sats is -1; expected a whole number of sats, 0 or more"
    ],
    [
      "[runway]\ndaily_limit_sats = 0.5",
      "farthing.toml: runway.daily_limit_sats is 0.5; expected a whole number of sats, 0 or more"
    ],
    [
      '[runway]\ndaily_limit_sats = "100"',
      'farthing.toml: runway.daily_limit_sats is "100"; expected a whole number of sats, 0 or more'
    ],
    [
      "[runway]\ndaily_limit_sats = 9007199254741",
      "farthing.toml: runway.daily_limit_sats is 9007199254741; expected a whole number of sats, 0 or more"
    ],
    [
      "[runway]\nmax_fee_percent = 101",
      "farthing.toml: runway.max_fee_percent is 101; expected a number from 0 to 100"
    ],
    [
      "[runway]\nbudget_wait = 10",
      'farthing.toml: runway.budget_wait is 10; expected a duration such as "30 seconds", from 0 to 4 weeks'
    ],
    [
      '[runway]\ntime_zone = "Middle/Earth"',
      'farthing.toml: runway.time_zone is "Middle/Earth"; expected a time zone such as "UTC" or "Europe/Berlin"'
    ],
    [
      '[compute]\nquote_timeout = "0 seconds"',
      'farthing.toml: compute.quote_timeout is "0 seconds"; expected a duration such as "30 seconds", from 1ms to 4 weeks'
    ],
    [
      '[compute]\nfallbacks = "yes"',
      'farthing.toml: compute.fallbacks is "yes"; expected true or false'
    ],
    [
      "[compute]\nsettlement = []",
      'farthing.toml: compute.settlement is []; expected a list of one or more of "upfront", "escrow", "sealed", each once'
    ],
    [
      'network = "bitcoin"',
      'farthing.toml: network is "bitcoin"; expected one of "mainnet", "testnet", "signet", "regtest"'
    ],
    [
      '[relays]\nurls = ["https://relay.example"]',
      'farthing.toml: relays.urls is ["https://relay.example"]; expected a list of 1 to 20 different ws:// or wss:// URLs without user and password'
    ],
    [
      "[relays]\nurls = []",
      "farthing.toml: relays.urls is []; expected a list of 1 to 20 different ws:// or wss:// URLs without user and password"
    ],
    [
      "[relays]\npublish_quorum = 2",
      "farthing.toml: relays.publish_quorum is 2; expected no more than the 1 relays of relays.urls"
    ],
    ["runway = 5", "farthing.toml: runway is 5; expected a section [runway]"],
    [
      "[[runway]]\ndaily_limit_sats = 5",
      'farthing.toml: runway is [{"daily_limit_sats":5}]; expected a section [runway]'
    ],
    [
      '[provider]\nfallback_urls = ["http://one.example/v1", "ws://two.example"]',
      'farthing.toml: provider.fallback_urls is ["http://one.example/v1","ws://two.example"]; expected a list of up to 10 different http:// or https:// URLs without user and password'
    ],
    [
      '[provider]\nbackend_url = "http://me:hunter2@one.example/v1"',
      "farthing.toml: provider.backend_url is (not shown); expected an http:// or https:// URL without user and password"
    ],
    [
      '[relays]\nurls = ["wss://hunter2@relay.example"]',
      "farthing.toml: relays.urls is (not shown); expected a list of 1 to 20 different ws:// or wss:// URLs without user and password"
    ],
    [
      '[provider]\nmodel_prices = { "large" = "dear" }',
      'farthing.toml: provider.model_prices is {"large":"dear"}; expected a table such as { "name" = 1000 }: for each name a whole number of msats, 0 or more'
    ],
    [
      '[provider]\nname = "\\u001b[31mred"\n[telemetry]\notlp_url = "ftp://\\u001b[31mx"',
      'farthing.toml: telemetry.otlp_url is "ftp://\\u001b[31mx"; expected an http:// or https:// URL without user and password, or "" for none'
    ]
  ])("%s", ([toml, message]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal(toml), message)
    })
  )

  it.effect("no TOML", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* refusal("[runway]\ndaily_limit_sats 5"),
        'farthing.toml: is no TOML: Expected "=" at line 2, column 18'
      )
    })
  )

  it.effect("everything that is wrong is told at once", () =>
    Effect.gen(function* () {
      const message = yield* refusal('network = "x"\n[runway]\nreserve_sats = -1\nfoo = 1', {
        FARTHING_PROVIDER_CAPACITY: "0"
      })
      assert.strictEqual(message.split("\n").length, 4)
    })
  )
})

describe("A mistyped key is an error that suggests the nearest one", () => {
  it.effect.each<[string, string]>([
    [
      "[runway]\ndayly_limit_sats = 5",
      "farthing.toml: runway.dayly_limit_sats is unknown; did you mean runway.daily_limit_sats?"
    ],
    [
      "[runway]\ndaily_limit = 5",
      "farthing.toml: runway.daily_limit is unknown; did you mean runway.daily_limit_sats?"
    ],
    ["[runaway]\nreserve_sats = 5", "farthing.toml: runaway is unknown; did you mean runway?"],
    ["netwrok = 5", "farthing.toml: netwrok is unknown; did you mean network?"],
    [
      "daily_limit_sats = 5",
      "farthing.toml: daily_limit_sats is unknown; did you mean runway.daily_limit_sats?"
    ],
    [
      "[compute]\nreserve_sats = 5",
      "farthing.toml: compute.reserve_sats is unknown; did you mean runway.reserve_sats?"
    ],
    ["[runway]\nxyzzy = 5", "farthing.toml: runway.xyzzy is unknown"],
    ["[runway]\nconstructor = 5", "farthing.toml: runway.constructor is unknown"],
    ["[toString]\na = 5", "farthing.toml: toString is unknown"]
  ])("%s", ([toml, message]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal(toml), message)
    })
  )

  it.effect.each<[string, string]>([
    ["FARTHING_RUNWAY_DAYLY_LIMIT_SATS", "; did you mean FARTHING_RUNWAY_DAILY_LIMIT_SATS?"],
    ["FARTHING_RUNWAY_XYZZY_PLUGH_QUUX", ""],
    ["FARTHING_RUNAWAY_DAILY_LIMIT_SATS", "; did you mean FARTHING_RUNWAY_DAILY_LIMIT_SATS?"],
    ["FARTHING_WALLET_NWC_URL", "; did you mean FARTHING_WALLET_NWC_URI?"]
  ])("also in the environment: %s", ([name, rest]) =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* refusal(undefined, { [name]: "5" }),
        `environment: ${name} is unknown${rest}`
      )
    })
  )

  it.effect("other variables are nobody's business", () =>
    load(undefined, {
      FARTHING_HOME: "/x",
      FARTHING_CI: "1",
      FARTHING_RUNWAY: "1",
      FARTHINGS_RUNWAY_X: "1"
    })
  )

  it.effect("a wrong value in the environment is named by its variable", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* refusal(undefined, { FARTHING_RUNWAY_DAILY_LIMIT_SATS: "1e5" }),
        'environment: FARTHING_RUNWAY_DAILY_LIMIT_SATS is "1e5"; expected a whole number of sats, 0 or more'
      )
      assert.include(yield* refusal(undefined, { FARTHING_RUNWAY_RESERVE_SATS: "" }), 'is ""')
    })
  )
})

describe("The layer", () => {
  it.effect("gives the configuration to whoever asks", () =>
    Effect.gen(function* () {
      const config = yield* Config.Config
      assert.strictEqual(config.network, "testnet")
    }).pipe(
      Effect.provide(
        Config.layer().pipe(
          Layer.provide(TestHome.layer),
          Layer.provide(Layer.succeed(Environment.Environment)({ FARTHING_NETWORK: "testnet" }))
        )
      )
    )
  )
})
