import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, FileSystem, Schema } from "effect"
import * as Cli from "./support/Cli.ts"
import * as ForeignPeer from "./support/ForeignPeer.ts"
import * as ScriptedMarket from "./support/ScriptedMarket.ts"
import * as SharedMarket from "./support/SharedMarket.ts"

const words =
  "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"

const Action = Schema.Struct({ id: Schema.String, line: Schema.String, state: Schema.String })

const Shown = Schema.fromJsonString(
  Schema.Struct({
    name: Schema.String,
    npub: Schema.String,
    life: Schema.String,
    paused: Schema.Boolean,
    balance_msats: Schema.Int,
    spent_ever_msats: Schema.Int,
    waiting: Schema.Array(Action),
    goals: Schema.Array(Schema.Struct({ id: Schema.String, text: Schema.String })),
    ticks: Schema.Array(
      Schema.Struct({ tick: Schema.Int, cost_msats: Schema.Int, actions: Schema.Array(Action) })
    )
  })
)

/** What a command prints that ends well. */
const told = Effect.fnUntraced(function* (args: ReadonlyArray<string>, env: Cli.Env) {
  const { code, stderr, stdout } = yield* Cli.run(["agent", ...args], env)
  assert.strictEqual(code, 0, stdout + stderr)
  return stdout
})

const show = (name: string, env: Cli.Env) =>
  Effect.flatMap(told(["show", name, "--json"], env), Schema.decodeEffect(Shown))

/** A home with a configuration. */
const settled = Effect.fnUntraced(function* (env: Cli.Env) {
  const { code, stderr } = yield* Cli.run(["init"], env)
  assert.strictEqual(code, 0, stderr)
  return env
})

const configuration = (env: Cli.Env) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    fs.readFileString(`${env["FARTHING_HOME"]}/farthing.toml`)
  )

describe("`agent new`", () => {
  it.live("writes a section below what stands there, and a key that nobody has", () =>
    Effect.gen(function* () {
      const env = yield* settled({ FARTHING_HOME: yield* Cli.tempHome })
      const before = yield* configuration(env)
      yield* told(
        ["new", "heron", "--about", 'Likes "coins"\nand birds', "--daily-limit-sats", "70"],
        env
      )
      yield* told(["new", "wren"], env)
      const after = yield* configuration(env)
      assert.isTrue(after.startsWith(before))
      assert.include(
        after,
        '[agents.heron]\nnsec_file = "heron.nsec"\nabout = "Likes \\"coins\\"\\nand birds"\n'
      )
      assert.include(after, "daily_limit_sats = 70\n")
      const fs = yield* FileSystem.FileSystem
      const { mode } = yield* fs.stat(`${env["FARTHING_HOME"]}/heron.nsec`)
      assert.strictEqual(mode & 0o777, 0o600)
      const again = yield* Cli.run(["agent", "new", "wren"], env)
      assert.strictEqual(again.code, 2)
      assert.match(again.stderr, /there is an agent wren already/)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("gives each the next account of the identity's words, never one that was used", () =>
    Effect.gen(function* () {
      const env = yield* settled({
        FARTHING_HOME: yield* Cli.tempHome,
        FARTHING_IDENTITY_MNEMONIC: words
      })
      assert.include(yield* told(["new", "heron", "--json"], env), '"account":1')
      assert.include(yield* told(["new", "wren", "--json"], env), '"account":2')
      yield* told(["list"], env)
      const fs = yield* FileSystem.FileSystem
      const [withoutWren = ""] = (yield* configuration(env)).split("[agents.wren]")
      yield* fs.writeFileString(`${env["FARTHING_HOME"]}/farthing.toml`, withoutWren)
      assert.include(yield* told(["new", "tern", "--json"], env), '"account":3')
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("refuses what nobody could be called, and a home without limits", () =>
    Effect.gen(function* () {
      const env = { FARTHING_HOME: yield* Cli.tempHome }
      const nowhere = yield* Cli.run(["agent", "new", "heron"], env)
      assert.strictEqual(nowhere.code, 2)
      assert.match(nowhere.stderr, /farthing init/)
      yield* settled(env)
      const nobody = yield* Cli.run(["agent", "new", "He ron"], env)
      assert.strictEqual(nobody.code, 2)
      assert.match(nobody.stderr, /lower-case/)
    }).pipe(Effect.provide(Cli.layer))
  )
})

describe("somebody who is not there", () => {
  it.live("is told of by every command, with who may be meant", () =>
    Effect.gen(function* () {
      const env = yield* settled({ FARTHING_HOME: yield* Cli.tempHome })
      yield* told(["new", "heron"], env)
      for (const command of ["show", "tick", "watch", "fund", "goal", "pause"]) {
        const { code, stderr, stdout } = yield* Cli.run(["agent", command, "herom"], env)
        assert.strictEqual(code, 2, stderr)
        assert.strictEqual(stdout, "")
        assert.match(stderr, /Did you mean heron\?/)
        assert.match(stderr, /farthing agent new/)
      }
    }).pipe(Effect.provide(Cli.layer))
  )
})

layer(SharedMarket.layer, { excludeTestServices: true })("an agent on the devnet", (it) => {
  it.effect("ticks at once, is paused without a network, and goes on", () =>
    Effect.gen(function* () {
      const { customer } = yield* SharedMarket.SharedMarket
      const env = yield* Effect.flatMap(customer(), settled)
      yield* told(["new", "heron", "--about", "The farthing was a coin of Britain."], env)
      const ticked = yield* Cli.run(["agent", "tick", "heron", "Say it", "--json"], env)
      assert.strictEqual(ticked.code, 0, ticked.stderr)
      assert.match(ticked.stdout, /^\{"type":"tick","tick":1,"trigger":"manual"\}$/m)
      assert.match(
        ticked.stdout,
        /"line":"POST: The farthing was a coin of Britain\.","state":"done"/
      )
      assert.match(ticked.stdout.trim().split("\n").at(-1) ?? "", /^\{"type":"ticked","tick":1,/)
      const seen = yield* show("heron", env)
      assert.strictEqual(seen.spent_ever_msats, 10_000)
      assert.deepStrictEqual(
        seen.ticks.map(({ cost_msats, tick }) => [tick, cost_msats]),
        [[1, 10_000]]
      )

      const offline = {
        ...env,
        FARTHING_RELAYS_URLS: "ws://127.0.0.1:1",
        FARTHING_WALLET_NWC_URI: ""
      }
      const { FARTHING_WALLET_NWC_URI: _, ...alone } = offline
      yield* told(["pause", "heron"], alone)
      assert.match(yield* told(["tick", "heron"], env), /heron rests.*paused/)
      assert.isTrue((yield* show("heron", env)).paused)
      yield* told(["resume", "heron"], alone)
      assert.match(yield* told(["tick", "heron"], env), /^tick 2 · .* · 10 sats$/m)
    })
  )

  it.effect("has goals that a person gives and takes", () =>
    Effect.gen(function* () {
      const { customer } = yield* SharedMarket.SharedMarket
      const env = yield* Effect.flatMap(customer(), settled)
      yield* told(["new", "heron"], env)
      assert.match(yield* told(["goal", "heron", "Fly south"], env), /^g1 {2}Fly south \(yours\)$/m)
      const unknown = yield* Cli.run(["agent", "goal", "heron", "--drop", "g9"], env)
      assert.strictEqual(unknown.code, 2)
      yield* told(["goal", "heron", "--drop", "g1"], env)
      assert.deepStrictEqual((yield* show("heron", env)).goals, [])
    })
  )

  it.effect("lives while it is watched, a line for each thing that happens", () =>
    Effect.gen(function* () {
      const { customer } = yield* SharedMarket.SharedMarket
      const env = yield* Effect.flatMap(customer(), settled)
      yield* told(
        ["new", "heron", "--heartbeat-seconds", "1", "--about", "Gloves cost a farthing less."],
        env
      )
      yield* told(["new", "wren", "--heartbeat-seconds", "1"], env)
      const watched = yield* told(["watch", "heron", "--run", "--ticks", "1"], env)
      assert.match(watched, /^\d{4}-\S+ \S+ {2}heron {2}active, runway /m)
      assert.match(watched, /heron {2}✓ POST: Gloves cost a farthing less\.$/m)
      assert.notInclude(watched, "wren")
      const [, wren] = (yield* told(["list"], env))
        .split("\n")
        .filter((line) => /^(heron|wren)/.test(line))
      assert.match(wren ?? "", /none yet$/)
    })
  )

  it.effect("stops being watched with Ctrl-C, which is no failure of anybody", () =>
    Effect.gen(function* () {
      const { customer } = yield* SharedMarket.SharedMarket
      const env = yield* Effect.flatMap(customer(), settled)
      yield* told(["new", "heron"], env)
      const watching = yield* Cli.start(["agent", "watch", "heron", "--json"], env)
      yield* watching.until('"type":"life"')
      yield* watching.kill("SIGINT")
      assert.strictEqual(yield* watching.exitCode, 130)
      const both = yield* watching.output
      assert.notMatch(both, /\n\s+at |error/i)
    })
  )

  it.effect("is funded by an invoice; a wallet without an address says what to do", () =>
    Effect.gen(function* () {
      const { customer } = yield* SharedMarket.SharedMarket
      const env = yield* Effect.flatMap(customer(), settled)
      yield* told(["new", "heron"], env)
      assert.match(yield* told(["fund", "heron", "21"], env), /^lnbcrt210n1\w+\n$/)
      const nowhere = yield* Cli.run(["agent", "fund", "heron"], env)
      assert.strictEqual(nowhere.code, 2)
      assert.match(nowhere.stderr, /farthing agent fund heron 1000/)
    })
  )
})

/** What an agent buys is whatever the script says. */
const thinking = (thought: string) =>
  ScriptedMarket.open((bank) => ({
    name: "\u001b[31mred\u0007",
    priceMsats: 5000,
    quote: ForeignPeer.invoiceFrom(bank, 5000),
    deliver: (_, job_id) => [{ type: "JobResult", job_id, result: thought }]
  }))

describe("what an agent wants", () => {
  it.live("waits for a person where it may not do it alone, and is done when that is agreed", () =>
    Effect.gen(function* () {
      const market = yield* thinking("POST: good morning\nPOST: good night")
      const env = yield* Effect.flatMap(market.account(0), settled)
      yield* told(["new", "heron", "--autonomy", "supervised"], env)
      assert.match(yield* told(["tick", "heron"], env), /\? POST: good morning \(waiting: /)
      assert.deepStrictEqual(
        (yield* show("heron", env)).waiting.map(({ id, line }) => [id, line]),
        [
          ["1.0", "POST: good morning"],
          ["1.1", "POST: good night"]
        ]
      )
      assert.match(yield* told(["approve", "heron", "1.0"], env), /^POST: good morning\nagreed/)
      yield* told(["deny", "heron", "1.1"], env)
      const again = yield* Cli.run(["agent", "approve", "heron", "1.1"], env)
      assert.strictEqual(again.code, 2)
      assert.match(again.stderr, /waits for you/)
      yield* told(["tick", "heron"], env)
      const first = (yield* show("heron", env)).ticks.find(({ tick }) => tick === 1)
      assert.deepStrictEqual(
        first?.actions.map(({ state }) => state),
        ["done", "rejected"]
      )
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("is shown without what would move the cursor, whoever said it", () =>
    Effect.gen(function* () {
      const market = yield* thinking(
        "POST: \u001b[2Jgone\u0007\u202e\nnonsense \u001b]0;title\u0007"
      )
      const env = yield* Effect.flatMap(market.account(0), settled)
      yield* told(["new", "heron", "--about", "a\u009b2Jb"], env)
      const outputs = [
        yield* told(["tick", "heron"], env),
        yield* told(["show", "heron"], env),
        yield* told(["show", "heron", "--json"], env),
        yield* told(["list"], env),
        yield* told(["watch", "heron", "--run", "--ticks", "1"], {
          ...env,
          FARTHING_AGENT_HEARTBEAT_SECONDS: "1"
        })
      ]
      for (const output of outputs)
        // oxlint-disable-next-line no-control-regex
        assert.notMatch(output, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
      assert.match(outputs[1] ?? "", /✓ POST: gone$/m)
    }).pipe(Effect.provide(Cli.layer))
  )

  it.live("costs nothing where nobody sells, and the tick says why with its exit code", () =>
    Effect.gen(function* () {
      const market = yield* Cli.market(["--no-provider"])
      const env = yield* Effect.flatMap(
        market.account(0, { FARTHING_COMPUTE_DISCOVERY_TIMEOUT: "1 second" }),
        settled
      )
      yield* told(["new", "heron"], env)
      const { code, stdout } = yield* Cli.run(["agent", "tick", "heron", "--json"], env)
      assert.strictEqual(code, 4)
      assert.match(stdout.trim().split("\n").at(-1) ?? "", /"tag":"NoProviders".*"cost_msats":0/)
      assert.strictEqual((yield* show("heron", env)).spent_ever_msats, 0)
    }).pipe(Effect.provide(Cli.layer))
  )
})
