import { assert, describe, layer } from "@effect/vitest"
import { Treasury } from "@farthing/budget"
import { Key, Msat } from "@farthing/protocol"
import { Relay, Signer } from "@farthing/relay"
import { Bank, Wallet } from "@farthing/wallet"
import { Context, Effect, Layer, Option, Redacted, Schedule } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Agent } from "../src/Agent.ts"
import { AgentBook } from "../src/AgentBook.ts"
import * as DirectMessage from "../src/DirectMessage.ts"
import * as Trigger from "../src/Trigger.ts"
import * as Home from "./support/Home.ts"
import * as Moments from "./support/Moments.ts"
import * as Town from "./support/Town.ts"

const program = new URL("support/agent-process.ts", import.meta.url).pathname

const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "farthing-compile-cache") }

const funds = Home.sats(1_000)
const bill = Home.sats(50)

interface Scene {
  readonly town: Home.Town
  readonly secrets: ReadonlyArray<Key.SecretKey>
  /** What the model was asked, by anybody. */
  readonly prompts: ReadonlyArray<string>
  readonly friend: Signer.Shape
}

class Killed extends Context.Service<Killed, Scene>()("test/Killed") {}

/** Lets each agent come to its moment in one process, and kills that. */
const killed = Layer.effect(
  Killed,
  Effect.gen(function* () {
    const town = yield* Town.open
    const secrets = Moments.names.map(() => Key.generate())
    const friend = Signer.make(Key.generate())
    const prompts: Array<string> = []
    const thoughts = new Map<string, string>()
    const streets = yield* Layer.build(Layer.fresh(Home.streets(town)))
    const bank = Context.get(streets, Bank.Bank)
    for (const [number, secret] of secrets.entries()) {
      yield* bank.open(String(number), funds)
      yield* bank.open(`shop ${number}`)
      const { bolt11 } = yield* bank.makeInvoice(`shop ${number}`, {
        amount: bill,
        description: "tea",
        expiry: "1 day"
      })
      thoughts.set(
        Key.formatPublic(Key.publicKeyOf(secret)),
        `POST: once\nREMEMBER: tea\nPAY_INVOICE: ${bolt11}\nDM: ${friend.publicKey} | for you`
      )
    }
    yield* Town.seller(town, (prompt) => {
      prompts.push(prompt)
      return thoughts.get(/npub1[0-9a-z]+/.exec(prompt)?.[0] ?? "") ?? "NOTHING"
    }).pipe(Effect.provideContext(streets))
    yield* comeAndGo(town, secrets)
    return { town, secrets, prompts, friend }
  })
)

const comeAndGo = Effect.fnUntraced(function* (
  { folder, relay }: Home.Town,
  secrets: ReadonlyArray<Key.SecretKey>
) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [program, folder, relay, ...secrets.map(Redacted.value)], {
        env,
        stdio: ["ignore", "pipe", "inherit"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = Effect.promise(async () => String((await lines.next()).value))
  const said = yield* Effect.replicateEffect(line, Moments.names.length)
  assert.sameMembers([...said], [...Moments.names])
  yield* Effect.promise(async () => {
    child.kill("SIGKILL")
    await once(child, "exit")
  })
})

describe("an agent that is killed", () => {
  layer(killed, { excludeTestServices: true })((it) => {
    it.effect.each(Moments.names.map((moment, number) => [moment, number] as const))(
      "%s does everything once",
      ([moment, number]) =>
        Effect.gen(function* () {
          const { friend, prompts, secrets, town } = yield* Killed
          const home = Home.home(town, secrets[number]!, {
            account: String(number),
            home: `agent-${number}.db`,
            charter: { autonomy: "autonomous" }
          })
          yield* Effect.gen(function* () {
            const agent = yield* Agent
            const report = yield* Effect.retry(agent.tick(Trigger.heartbeat), {
              while: ({ _tag }) => _tag === "AgentBusy" || _tag === "PaymentUnknown",
              schedule: Schedule.spaced("50 millis")
            })
            assert.strictEqual(report._tag, "Thought")

            // What was finished is over; the next heartbeat is another tick.
            const turns = Moments.isOver(moment) ? 2 : 1
            const npub = Key.formatPublic(agent.publicKey)
            assert.strictEqual(prompts.filter((one) => one.includes(npub)).length, turns)

            const bank = yield* Bank.Bank
            const wallet = yield* Wallet.Wallet
            const thought = Msat.add(Home.price, Home.fee)
            const thoughts = Array.from({ length: turns }, () => thought)
            assert.strictEqual(
              yield* wallet.balance,
              Msat.subtract(funds, Msat.sum([...thoughts, bill, Home.fee]))
            )
            assert.strictEqual(yield* bank.balance(`shop ${number}`), bill)

            const relay = yield* Relay.Relay
            const notes = yield* relay.query([{ kinds: [1], authors: [agent.publicKey] }])
            assert.strictEqual(notes.length, turns)
            const wraps = yield* relay.query([
              { kinds: [DirectMessage.wrapKind], "#p": [friend.publicKey] }
            ])
            const told = yield* Effect.forEach(wraps, (wrap) => DirectMessage.open(friend, wrap))
            const mine = told.filter(({ from }) => from === agent.publicKey)
            assert.deepStrictEqual(
              mine.map(({ text }) => text),
              Array.from({ length: turns }, () => "for you")
            )

            const { members, ticks } = yield* AgentBook
            const state = Option.getOrThrow(yield* members.state(agent.publicKey))
            assert.strictEqual(state.ticks, turns)
            assert.deepStrictEqual(
              state.memories.map(({ text }) => text),
              ["tea"]
            )
            assert.isTrue(Option.isNone(yield* ticks.unfinished(agent.publicKey)))
            assert.deepStrictEqual((yield* (yield* Treasury.Treasury).audit).findings, [])
          }).pipe(Effect.provide(Layer.provideMerge(home, Layer.fresh(Home.streets(town)))))
        })
    )
  })
})
