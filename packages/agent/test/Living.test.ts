import { assert, describe, it } from "@effect/vitest"
import { Key, Msat, NostrEvent } from "@farthing/protocol"
import { Relay, Signer } from "@farthing/relay"
import { Bank, Wallet } from "@farthing/wallet"
import { Effect, Option } from "effect"
import { Agent } from "../src/Agent.ts"
import { AgentBook } from "../src/AgentBook.ts"
import * as Mail from "../src/Mail.ts"
import { actionId } from "../src/TickRecord.ts"
import * as Trigger from "../src/Trigger.ts"
import { ZapUnavailable } from "../src/ZapInvoices.ts"
import * as Home from "./support/Home.ts"
import * as Town from "./support/Town.ts"

const cost = Msat.add(Home.price, Home.fee)

const friend = Signer.make(Key.generate())

/** A town with a seller, and an account with so much. */
const inTown = <A, E>(
  model: Town.Model,
  funds: Msat.Msat,
  test: (town: Home.Town) => Effect.Effect<A, E, Relay.Relay | Bank.Bank>
) =>
  Effect.gen(function* () {
    const town = yield* Town.open
    yield* Effect.gen(function* () {
      yield* (yield* Bank.Bank).open("agent", funds)
      yield* Town.seller(town, model)
      yield* test(town)
    }).pipe(Effect.scoped, Effect.provide(Home.streets(town)))
  }).pipe(Effect.scoped)

const tick = (trigger: Trigger.Trigger = Trigger.heartbeat) =>
  Effect.flatMap(Agent, (agent) => agent.tick(trigger))

const stateOf = Effect.gen(function* () {
  const { publicKey } = yield* Agent
  const { members } = yield* AgentBook
  return Option.getOrThrow(yield* members.state(publicKey))
})

const hearing = (event: NostrEvent.NostrEvent) =>
  Effect.gen(function* () {
    const { publicKey } = yield* Agent
    const { post } = yield* AgentBook
    const letter = Mail.letterFor(publicKey, event, () => false)
    return yield* post.receive(publicKey, Option.getOrThrow(letter), 1)
  })

describe("an agent whose money runs out", () => {
  it.live("sleeps, and wakes when it is funded", () =>
    inTown(
      () => "NOTHING",
      Home.sats(40),
      (town) =>
        Effect.gen(function* () {
          const lives: Array<string> = []
          const live = Effect.map(tick(), ({ _tag, means: { life } }) => {
            lives.push(`${life} ${_tag}`)
          })
          yield* live
          yield* live
          yield* live
          yield* live
          const bank = yield* Bank.Bank
          yield* bank.deposit("agent", Home.sats(1_000))
          yield* live
          assert.deepStrictEqual(lives, [
            "active Thought",
            "hibernating Rested",
            "hibernating Rested",
            "hibernating Rested",
            "active Thought"
          ])
          const mention = yield* tick({ _tag: "Manual", note: "" })
          assert.strictEqual(mention._tag, "Thought")
        }).pipe(
          Effect.provide(
            Home.home(town, Key.generate(), { options: { hibernateBelow: Home.sats(30) } })
          )
        )
    )
  )

  it.live("thinks of nothing it cannot pay for", () =>
    inTown(
      () => "NOTHING",
      Home.sats(20),
      (town) =>
        Effect.gen(function* () {
          yield* tick()
          const wallet = yield* Wallet.Wallet
          const left = yield* wallet.balance
          assert.strictEqual(left, Msat.subtract(Home.sats(20), cost))
          const rest = yield* tick(Trigger.manual("please"))
          assert.deepInclude(rest, { _tag: "Rested", why: "dormant" })
          assert.strictEqual(yield* wallet.balance, left)
        }).pipe(Effect.provide(Home.home(town, Key.generate())))
    )
  )

  it.live("rests while a person has paused it", () =>
    inTown(
      () => "POST: awake",
      Home.sats(1_000),
      (town) =>
        Effect.gen(function* () {
          const agent = yield* Agent
          yield* agent.pause
          assert.deepInclude(yield* tick(), { _tag: "Rested", why: "paused" })
          yield* agent.resume
          assert.strictEqual((yield* tick())._tag, "Thought")
        }).pipe(Effect.provide(Home.home(town, Key.generate())))
    )
  )
})

describe("a person", () => {
  it.live("approves what waits, and it is done once; what is rejected never is", () =>
    inTown(
      () => "POST: yes\nPOST: no",
      Home.sats(1_000),
      (town) =>
        Effect.gen(function* () {
          const agent = yield* Agent
          yield* tick()
          const { waiting } = yield* agent.view
          assert.strictEqual(waiting.length, 2)
          assert.isTrue(yield* agent.decide(actionId(waiting[0]!), true))
          assert.isTrue(yield* agent.decide(actionId(waiting[1]!), false))
          assert.isFalse(yield* agent.decide(actionId(waiting[1]!), true))
          yield* agent.catchUp
          yield* agent.catchUp
          assert.strictEqual((yield* stateOf).ticks, 1)
          const relay = yield* Relay.Relay
          const notes = yield* relay.query([{ kinds: [1], authors: [agent.publicKey] }])
          assert.deepStrictEqual(
            notes.map(({ content }) => content),
            ["yes"]
          )
        }).pipe(
          Effect.provide(Home.home(town, Key.generate(), { charter: { autonomy: "supervised" } }))
        )
    )
  )

  it.live("sees how the agent stands", () =>
    inTown(
      () => "REMEMBER: the sea",
      Home.sats(1_000),
      (town) =>
        Effect.gen(function* () {
          const agent = yield* Agent
          yield* agent.assign("see the sea")
          yield* tick()
          const view = yield* agent.view
          assert.strictEqual(view.life, "active")
          assert.strictEqual(view.runway?.balance, Msat.subtract(Home.sats(1_000), cost))
          assert.strictEqual(view.budget.spentToday, cost)
          assert.deepStrictEqual(
            view.state.goals.map(({ text }) => text),
            ["see the sea"]
          )
          assert.deepStrictEqual([view.ticks.length, view.receipts.length, view.jobs], [1, 1, []])
          yield* agent.drop("g1")
          assert.deepStrictEqual((yield* stateOf).goals, [])
        }).pipe(Effect.provide(Home.home(town, Key.generate())))
    )
  )
})

describe("an agent that gives", () => {
  const paid = (
    thought: string,
    charter: NonNullable<Home.Settings["charter"]>,
    check: (paid: Msat.Msat, states: ReadonlyArray<string>) => void
  ) =>
    inTown(
      () => thought,
      Home.sats(1_000),
      (town) =>
        Effect.gen(function* () {
          const bank = yield* Bank.Bank
          yield* bank.open("friend")
          const relay = yield* Relay.Relay
          yield* relay.publish(
            yield* friend.sign({ kind: 0, tags: [], content: `{"lud16":"friend@example.com"}` })
          )
          const zaps: NonNullable<Home.Settings["zaps"]> = {
            fetch: ({ amount, lud16, request }) =>
              bank
                .makeInvoice("friend", {
                  amount,
                  description: lud16 + request.id,
                  expiry: "1 hour"
                })
                .pipe(
                  Effect.map(({ bolt11 }) => bolt11),
                  Effect.mapError(({ message }) => new ZapUnavailable({ message }))
                )
          }
          const home = Home.home(town, Key.generate(), { charter, zaps })
          const report = yield* Effect.provide(tick(), home)
          const actions = report._tag === "Thought" ? report.actions : []
          check(
            yield* bank.balance("friend"),
            actions.map(({ state }) => state)
          )
        })
    )

  const thought = `ZAP: ${Key.formatPublic(friend.publicKey)} | 21`

  it.live("zaps whom a person trusts", () =>
    paid(thought, { trusted: [friend.publicKey] }, (paid, states) => {
      assert.deepStrictEqual([paid, states], [Home.sats(21), ["done"]])
    })
  )

  it.live("asks before it zaps anybody else", () =>
    paid(thought, {}, (paid, states) => {
      assert.deepStrictEqual([paid, states], [Msat.zero, ["waiting"]])
    })
  )

  it.live("zaps nobody who says nowhere how", () =>
    paid(
      `ZAP: ${Key.formatPublic(Key.publicKeyOf(Key.generate()))} | 21`,
      { autonomy: "autonomous" },
      (paid, states) => {
        assert.deepStrictEqual([paid, states], [Msat.zero, ["failed"]])
      }
    )
  )
})

describe("an agent that lost its machine", () => {
  it.live("is restored from the relays with its key alone", () =>
    inTown(
      () => "REMEMBER: the old house\nPOST: wait for me\nNOTHING",
      Home.sats(1_000),
      (town) =>
        Effect.gen(function* () {
          const secret = Key.generate()
          const charter = { autonomy: "supervised" } as const
          const before = yield* Effect.gen(function* () {
            const agent = yield* Agent
            yield* agent.assign("come home")
            yield* hearing(
              yield* friend.sign({ kind: 1, tags: [["p", agent.publicKey]], content: "hello" })
            )
            yield* tick()
            const relay = yield* Relay.Relay
            const [published] = yield* relay.query([
              { kinds: [39_201], authors: [agent.publicKey] }
            ])
            return { state: yield* stateOf, waiting: (yield* agent.view).waiting, published }
          }).pipe(Effect.provide(Home.home(town, secret, { charter })))

          yield* Effect.gen(function* () {
            const agent = yield* Agent
            yield* hearing(
              yield* friend.sign({
                kind: 1,
                tags: [["p", agent.publicKey]],
                content: "heard before",
                created_at: before.state.heardUntil
              })
            )
            yield* tick()
            const after = yield* stateOf
            assert.strictEqual(after.ticks, before.state.ticks + 1)
            assert.deepStrictEqual(after.goals, before.state.goals)
            assert.deepStrictEqual(after.memories, before.state.memories)
            const relay = yield* Relay.Relay
            const [published] = yield* relay.query([
              { kinds: [39_201], authors: [agent.publicKey] }
            ])
            assert.isAbove(published?.created_at ?? 0, before.published?.created_at ?? 0)
            assert.isAtLeast(before.state.heardUntil, 1)
            const { ticks, waiting } = yield* agent.view
            assert.deepInclude(waiting, before.waiting[0]!)
            assert.deepStrictEqual(ticks[0]?.mail, [])
          }).pipe(Effect.provide(Home.home(town, secret, { charter, home: "another.db" })))
        })
    )
  )
})

describe("what an agent tells of its ticks", () => {
  const visibilities = ["public", "private", "off"] as const
  it.live.each(visibilities)("is %s", (trajectory) =>
    inTown(
      () => `POST: aloud\nDM: ${friend.publicKey} | whispered\nREMEMBER: in silence`,
      Home.sats(1_000),
      (town) =>
        Effect.gen(function* () {
          const { publicKey } = yield* Agent
          yield* tick()
          const relay = yield* Relay.Relay
          const told = yield* relay.query([
            { kinds: [39_210, 39_211, 39_230, 39_231], authors: [publicKey] }
          ])
          const said = told.map(({ content }) => content).join("\n")
          assert.notInclude(said, "whispered")
          assert.notInclude(said, friend.publicKey)
          assert.notInclude(said, "in silence")
          assert.notInclude(said, "You are heron")
          assert.strictEqual(said.includes("cost_msats"), trajectory === "public")
          assert.strictEqual(told.length > 0, trajectory !== "off")
        }).pipe(Effect.provide(Home.home(town, Key.generate(), { charter: { trajectory } })))
    )
  )
})
