import { assert, describe, it } from "@effect/vitest"
import { Charter } from "@farthing/agent"
import { Key } from "@farthing/protocol"
import { Effect, Option, Redacted } from "effect"
import { load, refusal, sats } from "./TestConfig.ts"

const npub = Key.formatPublic(Key.publicKeyOf(Key.generate()))

describe("agents", () => {
  it.effect(
    "are in the file, by name, with what holds for every one unless they say otherwise",
    () =>
      Effect.gen(function* () {
        const { agents, worker } = yield* load(`
        [agent]
        heartbeat_seconds = 60
        autonomy = "supervised"
        [runway]
        daily_limit_sats = 1000
        per_tick_limit_sats = 100
        [agents.alice]
        account = 1
        about = "Tells the time."
        daily_limit_sats = 500
        business_hours = "mon-fri,sun 09:00-17:30 Europe/Berlin"
        [agents.bob-2]
        nsec_file = "bob.nsec"
        nwc_uri_file = "bob.nwc"
        autonomy = "autonomous"
        heartbeat_seconds = 5
        triggers = ["channel"]
        channels = ["${"ab".repeat(32)}"]
        trusted = ["${npub}"]
        model = "tiny"
      `)
        const [alice, bob] = agents
        assert.deepStrictEqual(alice?.charter, {
          ...Charter.make({ name: "alice" }),
          about: "Tells the time.",
          heartbeatSeconds: 60,
          autonomy: "supervised",
          businessHours: {
            days: [1, 2, 3, 4, 5, 0],
            from: "09:00",
            to: "17:30",
            timeZone: "Europe/Berlin"
          }
        })
        assert.deepStrictEqual(alice?.key, { _tag: "Account", account: 1 })
        assert.deepStrictEqual(alice?.nwc, Option.none())
        assert.strictEqual(alice?.runway.limits.daily, sats(500))
        assert.strictEqual(alice?.runway.limits.perTick, sats(100))
        assert.strictEqual(bob?.runway.limits.daily, sats(1000))
        assert.strictEqual(bob?.charter.autonomy, "autonomous")
        assert.strictEqual(bob?.charter.heartbeatSeconds, 5)
        assert.deepStrictEqual(bob?.charter.triggers, ["channel"])
        assert.lengthOf(bob?.charter.trusted ?? [], 1)
        assert.strictEqual(bob?.charter.model, "tiny")
        assert.match(bob?.key._tag === "Nsec" ? JSON.stringify(bob.key.nsec) : "", /\/bob\.nsec"/)
        assert.isFalse(worker.sells)
      })
  )

  it.effect("are overridden by the environment, which alone may hold their secrets", () =>
    Effect.gen(function* () {
      const { agents } = yield* load("[agents.bob-2]\nmodel = 'tiny'\naccount = 2", {
        FARTHING_AGENT_HEARTBEAT_SECONDS: "7",
        FARTHING_RUNWAY_DAILY_LIMIT_SATS: "9",
        FARTHING_AGENTS_BOB_2_ACCOUNT: "3",
        FARTHING_AGENTS_BOB_2_NWC_URI: "secret"
      })
      const [bob] = agents
      assert.deepStrictEqual(bob?.key, { _tag: "Account", account: 3 })
      assert.strictEqual(bob?.charter.heartbeatSeconds, 7)
      assert.strictEqual(bob?.runway.limits.daily, sats(9))
      const nwc = Option.getOrThrow(bob?.nwc ?? Option.none())
      assert.strictEqual(nwc._tag === "Given" && Redacted.value(nwc.secret), "secret")
      assert.match(
        yield* refusal("[agents.bob]\naccount = 1\nnsec = 'nsec1'"),
        /agents\.bob\.nsec is a secret and must not stand here; set FARTHING_AGENTS_BOB_NSEC,/
      )
    })
  )

  it.effect("say what is wrong with them, all at once", () =>
    Effect.gen(function* () {
      const lines = (yield* refusal(
        `
        [agents.alice]
        account = 1
        daly_limit_sats = 5
        [agents.bob]
        account = 1
        business_hours = "mon-fry 09:00-17:00 UTC"
        [agents.carol]
        [agents.dave]
        account = 0
        [agents.erin]
        account = 3
        nsec_file = "erin.nsec"
        [agents.Frank]
        account = 4
      `,
        { FARTHING_AGENTS_ALICE_ACOUNT: "1", FARTHING_AGENTS_NOBODY_ACCOUNT: "9" }
      )).split("\n")
      assert.deepStrictEqual(lines, [
        "farthing.toml: agents.alice.daly_limit_sats is unknown; did you mean agents.alice.daily_limit_sats?",
        "farthing.toml: agents is Frank; expected a name of up to 32 lower-case letters, digits and -, which does not begin with -",
        "environment: FARTHING_AGENTS_ALICE_ACOUNT is unknown; did you mean FARTHING_AGENTS_ALICE_ACCOUNT?",
        "environment: FARTHING_AGENTS_NOBODY_ACCOUNT is unknown; did you mean FARTHING_AGENTS_BOB_ACCOUNT?",
        'farthing.toml: agents.bob.business_hours is "mon-fry 09:00-17:00 UTC"; expected days, hours and a time zone such as "mon-fri 09:00-17:00 Europe/Berlin" or "sat,sun 10:00-12:00 UTC"',
        "farthing.toml: agents.bob.account is 1; expected a number of its own: agents.alice has this one",
        "farthing.toml: agents.carol is without a key; expected account, a number of its own, or nsec_file",
        "farthing.toml: agents.dave.account is 0; expected a whole number from 1 to 2,147,483,647",
        "farthing.toml: agents.dave is without a key; expected account, a number of its own, or nsec_file",
        "farthing.toml: agents.erin is with two keys; expected either account or nsec_file"
      ])
      assert.match(
        yield* refusal("agents = 1"),
        /agents is 1; expected sections such as \[agents\.alice\]/
      )
      assert.match(
        yield* refusal("[agents]\nalice = 1"),
        /agents\.alice is 1; expected a section \[agents\.alice\]/
      )
    })
  )

  it.effect("are read in no time, however many there are", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 2_000 }, (_, at) => `[agents.a${at}]\naccount = ${at + 1}`)
      const { agents } = yield* load(many.join("\n"))
      assert.lengthOf(agents, 2_000)
      assert.strictEqual(agents[0]?.charter.trusted, agents[1]?.charter.trusted)
    })
  )
})

describe("whether the worker sells", () => {
  it.effect("is said, or follows from what else is said", () =>
    Effect.gen(function* () {
      const agent = "[agents.a]\naccount = 1\n"
      const sells = (toml: string, environment = {}) =>
        Effect.map(load(toml, environment), ({ worker }) => worker.sells)
      assert.isTrue(yield* sells(""))
      assert.isFalse(yield* sells(agent))
      assert.isTrue(yield* sells(`${agent}[provider]\n`))
      assert.isTrue(yield* sells(agent, { FARTHING_PROVIDER_NAME: "me" }))
      assert.isFalse(yield* sells(`${agent}[provider]\n[worker]\nsells = false`))
      assert.isTrue(yield* sells(`${agent}[worker]\nsells = true`))
    })
  )
})
