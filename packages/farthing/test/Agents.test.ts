import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentBook, Trigger } from "@farthing/agent"
import { Agents as Schedule } from "@farthing/agent/Agents"
import { Treasury } from "@farthing/budget"
import { Devnet } from "@farthing/devnet"
import { Key, Msat } from "@farthing/protocol"
import { ComputeProvider, InferenceBackend } from "@farthing/provider"
import { Signer } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import { Context, Effect, FileSystem, Layer, Option, Redacted, Stream } from "effect"
import { join } from "node:path"
import * as Agents from "../src/Agents.ts"
import * as Config from "../src/Config.ts"
import { Environment } from "../src/Environment.ts"
import * as Home from "../src/Home.ts"
import * as Identity from "../src/Identity.ts"
import * as Market from "../src/Market.ts"
import { mnemonic, sats } from "./TestConfig.ts"

const opening = sats(1_000)
const price = sats(10)

/** What every model of the market answers. */
const backend = Layer.succeed(InferenceBackend.InferenceBackend)({
  name: "scripted",
  models: Effect.succeed(["tiny"]),
  infer: () =>
    Stream.fromIterable<InferenceBackend.Part>([
      { _tag: "Text", text: "POST: hello" },
      { _tag: "Finish", reason: "stop", tokensIn: 1, tokensOut: 1 }
    ])
})

interface Place {
  readonly folder: string
  readonly devnet: Devnet.Shape
  /** Of a home whose wallet is the account `home`. */
  readonly environment: Readonly<Record<string, string>>
}

/** A devnet with somebody who sells, and the folder of a home. */
const market = Effect.gen(function* () {
  const fileSystem = yield* FileSystem.FileSystem
  const folder = yield* fileSystem.makeTempDirectoryScoped({ prefix: "farthing-agents-" })
  const devnet = yield* Devnet.make({ folder, accounts: ["shop", "home", "bob"], balance: opening })
  const [shop, home, bob] = devnet.accounts.map((account) =>
    Devnet.environment(devnet.relay, account)
  )
  const seller = Market.seller({ name: "tern", priceMsats: price }).pipe(
    Layer.provide(backend),
    Market.livingIn({ ...shop, FARTHING_HOME: join(folder, "shop") })
  )
  yield* Context.get(yield* Layer.build(seller), ComputeProvider.ComputeProvider).online
  return {
    folder,
    devnet,
    environment: {
      ...home,
      FARTHING_HOME: join(folder, "home"),
      FARTHING_IDENTITY_MNEMONIC: mnemonic,
      FARTHING_AGENTS_BOB_NWC_URI: bob?.FARTHING_WALLET_NWC_URI ?? ""
    }
  } as Place
})

const settings = Config.layer().pipe(Layer.provideMerge(Home.layer))

/** Somebody in the home, whose farthing.toml has this text. */
const inHome =
  (place: Place, toml: string) =>
  <A, E, R>(somebody: Layer.Layer<A, E, R>) =>
    Layer.unwrap(
      Effect.gen(function* () {
        const fileSystem = yield* FileSystem.FileSystem
        yield* fileSystem.makeDirectory(join(place.folder, "home"), { recursive: true })
        yield* fileSystem.writeFileString(join(place.folder, "home", "farthing.toml"), toml)
        return somebody.pipe(
          Layer.provide(Identity.layer),
          Layer.provideMerge(settings),
          Layer.provide(Layer.succeed(Environment)(place.environment)),
          Layer.fresh
        )
      })
    )

const toml = `
  [runway]
  hibernate_threshold_sats = 10
  low_balance_days = 0
  [agents.alice]
  account = 1
  daily_limit_sats = 25
  [agents.bob]
  account = 2
  trajectory = "off"
  [agents.carol]
  nsec_file = "carol.nsec"
`

const keyOf = (account: number) =>
  Effect.map(Key.fromMnemonic(Redacted.make(mnemonic), account), Key.publicKeyOf)

const spent = Effect.flatMap(Treasury.Treasury, ({ status }) =>
  Effect.map(status, ({ spentToday }) => spentToday)
)

describe("agents of one home", () => {
  it.live("have keys, budgets and wallets of their own", () =>
    Effect.gen(function* () {
      const place = yield* market
      const tickOf = (name: string) =>
        Effect.gen(function* () {
          const agent = yield* Agent.Agent
          const report = yield* agent.tick(Trigger.heartbeat)
          assert.strictEqual(report._tag === "Thought" && report.cost, price)
          assert.strictEqual((yield* Signer.Signer).publicKey, agent.publicKey)
          const { publicKey, member } = yield* agent.view
          assert.strictEqual(member.charter.name, name)
          return { publicKey, spent: yield* spent, balance: yield* (yield* Wallet.Wallet).balance }
        }).pipe(Effect.provide(Agents.one(name).pipe(inHome(place, toml))))
      const paid = Msat.left(opening, price)
      assert.deepStrictEqual(yield* tickOf("alice"), {
        publicKey: yield* keyOf(1),
        spent: price,
        balance: paid
      })
      assert.deepStrictEqual(yield* tickOf("bob"), {
        publicKey: yield* keyOf(2),
        spent: price,
        balance: paid
      })
      assert.strictEqual(yield* place.devnet.bank.balance("home"), paid)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("live beside each other; who cannot, is absent and touches nobody", () =>
    Effect.gen(function* () {
      const place = yield* market
      yield* Effect.gen(function* () {
        const household = yield* Agents.Household
        const schedule = yield* Schedule
        assert.match(
          (yield* household.absent)[0]?.message ?? "",
          /Agent carol cannot live\. .*carol\.nsec/
        )
        assert.strictEqual(
          (yield* Effect.flip(household.find("alcie"))).message,
          "There is no agent alcie in the configuration. Did you mean alice?"
        )
        assert.strictEqual((yield* Effect.flip(household.find("carol")))._tag, "AgentInvalid")
        const alice = yield* household.find(Key.formatPublic(yield* keyOf(1)))
        assert.strictEqual(alice.settings.name, "alice")

        assert.strictEqual(yield* schedule.load, 2)
        const events = yield* schedule.once
        assert.deepStrictEqual(
          events.map(({ _tag }) => _tag),
          ["Ticked", "Ticked"]
        )
        assert.strictEqual(yield* place.devnet.bank.balance("bob"), Msat.left(opening, price))
      }).pipe(
        Effect.provide(Agents.schedule.pipe(Layer.provideMerge(Agents.estate), inHome(place, toml)))
      )
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("come, go and change with the configuration; limits count for the next payment", () =>
    Effect.gen(function* () {
      const place = yield* market
      yield* Effect.gen(function* () {
        const household = yield* Agents.Household
        const { members } = yield* AgentBook.AgentBook
        const { agents } = yield* Config.Config
        const [alice, bob] = agents
        if (alice === undefined || bob === undefined) return assert.fail("nobody is there")
        const id = yield* keyOf(1)
        const life = yield* household.live(id)
        const { check } = Context.get(life, Treasury.Treasury)
        const wish = {
          tick: Treasury.TickId.make("1"),
          purchase: Treasury.PurchaseId.make("1"),
          amount: sats(20)
        }
        yield* check(wish)
        const stricter = {
          ...alice,
          runway: { ...alice.runway, limits: { ...alice.runway.limits, daily: sats(15) } }
        }
        const dora = {
          ...bob,
          name: "dora",
          charter: { ...bob.charter, name: "dora" },
          key: { _tag: "Account" as const, account: 4 }
        }
        assert.deepStrictEqual(yield* household.follow([stricter, dora]), {
          came: ["dora"],
          changed: ["alice"],
          left: ["bob"]
        })
        const refused = yield* Effect.flip(check(wish))
        assert.strictEqual(refused._tag === "BudgetExhausted" && refused.most, sats(15))
        assert.deepStrictEqual((yield* members.all).map(({ charter }) => charter.name).toSorted(), [
          "alice",
          "dora"
        ])
        assert.isTrue(Option.isSome(yield* members.find(yield* keyOf(2))))
        assert.strictEqual(
          (yield* Effect.flip(household.live(yield* keyOf(2))))._tag,
          "AgentNotConfigured"
        )
        assert.deepStrictEqual(yield* household.follow([stricter, dora]), {
          came: [],
          changed: [],
          left: []
        })
      }).pipe(Effect.scoped, Effect.provide(Agents.estate.pipe(inHome(place, toml))))
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("need words only where their keys follow from them", () =>
    Effect.gen(function* () {
      const place = yield* market
      const { FARTHING_IDENTITY_MNEMONIC: _, ...environment } = place.environment
      const fileSystem = yield* FileSystem.FileSystem
      yield* fileSystem.makeDirectory(join(place.folder, "home"), { recursive: true })
      const secret = Key.generate()
      const file = join(place.folder, "home", "carol.nsec")
      yield* fileSystem.writeFileString(file, Redacted.value(Key.formatSecret(secret)))
      yield* fileSystem.chmod(file, 0o600)
      yield* Effect.gen(function* () {
        const { absent, residents } = yield* Agents.Household
        assert.deepStrictEqual(
          (yield* residents).map(({ id }) => id),
          [Key.publicKeyOf(secret)]
        )
        for (const { message } of yield* absent)
          assert.match(
            message,
            /Its key follows from the identity's words, and the identity has none/
          )
      }).pipe(Effect.provide(Agents.estate.pipe(inHome({ ...place, environment }, toml))))
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
