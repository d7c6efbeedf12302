/**
 * The tick executor as the market's first description of it draws it, line by line:
 *
 *     let providers = compute_client.discover_providers(3)
 *     if providers.is_empty() { Err("No compute providers available") }
 *     let budget_sats = limits.per_tick_limit_sats, or 1000
 *     let provider = select_cheapest_provider(&providers, budget_sats)
 *         or Err("No provider within budget")
 *     let reasoning = request_inference(provider, &prompt, 500, budget_sats)
 *     state.record_spend(compute_cost_sats)
 *     // parse actions, execute
 */
import { assert, describe, it } from "@effect/vitest"
import { Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { AgentMessage, Key, Msat } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Bank, Wallet } from "@farthing/wallet"
import { Duration, Effect, Option } from "effect"
import { Agent } from "../src/Agent.ts"
import { AgentBook } from "../src/AgentBook.ts"
import * as Trigger from "../src/Trigger.ts"
import * as Home from "./support/Home.ts"
import * as Town from "./support/Town.ts"

const cost = Msat.add(Home.price, Home.fee)

/** Plays a tick in a town of its own, with so many sellers at prices of their own. */
const played = <A, E>(
  test: Effect.Effect<
    A,
    E,
    | Agent
    | AgentBook
    | Bank.Bank
    | ComputeClient.ComputeClient
    | Relay.Relay
    | Treasury.Treasury
    | Wallet.Wallet
  >,
  {
    funds = Home.sats(1_000),
    prices = [Home.price],
    settings = {},
    thought = "POST: thought"
  }: {
    readonly funds?: Msat.Msat
    readonly prices?: ReadonlyArray<Msat.Msat>
    readonly settings?: Home.Settings
    readonly thought?: string
  } = {}
) =>
  Effect.gen(function* () {
    const town = yield* Town.open
    yield* Effect.gen(function* () {
      yield* (yield* Bank.Bank).open("agent", funds)
      for (const price of prices) yield* Town.seller(town, () => thought, price)
      yield* Effect.provide(test, Home.home(town, Key.generate(), settings))
    }).pipe(Effect.scoped, Effect.provide(Home.streets(town)))
  }).pipe(Effect.scoped)

const ticked = Effect.flatMap(Agent, (agent) => agent.tick(Trigger.heartbeat))

const failed = Effect.flip(ticked)

describe("the tick executor", () => {
  it.live("discovers providers, selects the cheapest, and asks it for 500 tokens", () =>
    played(
      Effect.gen(function* () {
        const report = yield* ticked
        assert.strictEqual(report._tag, "Thought")
        const relay = yield* Relay.Relay
        const { publicKey } = yield* Agent
        const requests = (yield* relay.query([{ kinds: [42], authors: [publicKey] }]))
          .flatMap(({ content }) => Option.toArray(AgentMessage.parse(content)))
          .filter((message) => message.type === "JobRequest")
        assert.strictEqual(requests.length, 1)
        assert.deepInclude(requests[0], { kind: 5050, max_tokens: 500 })
        if (report._tag === "Thought") assert.strictEqual(report.tick.cost, cost)
      }),
      { prices: [Home.sats(30), Home.price, Home.sats(20)] }
    )
  )

  it.live("fails where no provider is there: `No compute providers available`", () =>
    played(
      Effect.gen(function* () {
        assert.strictEqual((yield* failed)._tag, "NoProviders")
      }),
      { prices: [] }
    )
  )

  it.live("fails where all are too expensive: `No provider within budget`", () =>
    played(
      Effect.gen(function* () {
        assert.strictEqual((yield* failed)._tag, "NoProviderWithinBudget")
      }),
      { settings: { options: { perTick: Home.sats(9) } } }
    )
  )

  it.live("spends 1,000 sats at most where no limit of a tick is configured", () =>
    played(
      Effect.gen(function* () {
        assert.strictEqual((yield* failed)._tag, "NoProviderWithinBudget")
      }),
      { prices: [Home.sats(1_001)], funds: Home.sats(10_000) }
    )
  )

  it.live("records what it spent, in the ledger and in its own state", () =>
    played(
      Effect.gen(function* () {
        yield* ticked
        const { members } = yield* AgentBook
        const { publicKey } = yield* Agent
        const state = Option.getOrThrow(yield* members.state(publicKey))
        assert.deepStrictEqual(
          state.samples.map((sample) => sample.cost),
          [cost]
        )
        assert.strictEqual((yield* (yield* Treasury.Treasury).status).spentToday, cost)
      })
    )
  )

  it.live("asks nobody where the budget is exhausted: `can_spend`", () =>
    played(
      Effect.gen(function* () {
        yield* ticked
        const error = yield* failed
        assert.strictEqual(error._tag, "BudgetExhausted")
        assert.strictEqual((yield* (yield* ComputeClient.ComputeClient).jobs()).length, 1)
      }),
      { settings: { limits: { daily: Home.sats(21), maxFee: Home.fee, maxFeePercent: 0 } } }
    )
  )

  it.live("fails where the payment fails, and has spent nothing", () =>
    played(
      Effect.gen(function* () {
        const error = yield* failed
        assert.strictEqual(error._tag, "PaymentFailed")
        const wallet = yield* Wallet.Wallet
        assert.strictEqual(yield* wallet.balance, Home.sats(10))
      }),
      { funds: Home.sats(10) }
    )
  )

  it.live("fails where no result comes in time, and says what that cost", () =>
    played(
      Effect.gen(function* () {
        const error = yield* failed
        assert.strictEqual(error._tag, "DeliveryTimeout")
        if (error._tag === "DeliveryTimeout") assert.strictEqual(error.cost, cost)
      }),
      {
        thought: Town.silence,
        settings: {
          compute: {
            firstChunkTimeout: Duration.millis(300),
            idleTimeout: Duration.millis(300),
            jobTimeout: Duration.millis(600)
          }
        }
      }
    )
  )

  it.live("parses its thought into actions and does them", () =>
    played(
      Effect.gen(function* () {
        const report = yield* ticked
        assert.deepStrictEqual(
          report._tag === "Thought" ? report.actions.map(({ action }) => action) : [],
          [{ _tag: "Post", text: "thought" }]
        )
      })
    )
  )
})
