import { assert, describe, it } from "@effect/vitest"
import { Key, Msat } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Bank } from "@farthing/wallet"
import { Effect } from "effect"
import * as Agent from "../src/Agent.ts"
import * as Trigger from "../src/Trigger.ts"
import * as Home from "./support/Home.ts"
import * as Town from "./support/Town.ts"

describe("a tick", () => {
  it.live("observes, buys a thought, acts and tells of it", () =>
    Effect.gen(function* () {
      const town = yield* Town.open
      const secret = Key.generate()
      yield* Effect.gen(function* () {
        const bank = yield* Bank.Bank
        yield* bank.open("agent", Home.sats(1_000))
        const seller = yield* Town.seller(town, () => "POST: hello\nREMEMBER: said hello")
        yield* Effect.gen(function* () {
          const agent = yield* Agent.Agent
          const relay = yield* Relay.Relay
          const report = yield* agent.tick(Trigger.heartbeat)
          assert.strictEqual(report._tag, "Thought")
          if (report._tag !== "Thought") return
          assert.deepStrictEqual(
            report.actions.map(({ action, state }) => [action._tag, state]),
            [
              ["Post", "done"],
              ["Remember", "done"]
            ]
          )
          assert.strictEqual(seller.asked(), 1)
          assert.strictEqual(report.cost, Msat.add(Home.price, Home.fee))
          const [note] = yield* relay.query([{ kinds: [1], authors: [agent.publicKey] }])
          assert.strictEqual(note?.content, "hello")
          const kinds = (yield* relay.query([{ authors: [agent.publicKey] }])).map(
            ({ kind }) => kind
          )
          for (const kind of [39200, 39201, 39202, 39210, 39211, 39230, 39231])
            assert.include(kinds, kind)
        }).pipe(Effect.provide(Home.home(town, secret)))
      }).pipe(Effect.scoped, Effect.provide(Home.streets(town)))
    }).pipe(Effect.scoped)
  )
})
