import { assert, describe, it } from "@effect/vitest"
import { Key, Msat, NostrEvent } from "@farthing/protocol"
import { ProviderBook } from "@farthing/provider"
import { Bank } from "@farthing/wallet"
import { Effect, Fiber, Redacted } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import * as Market from "./support/Market.ts"
import * as Settling from "./support/Settling.ts"
import * as Town from "./support/Town.ts"

const program = new URL("support/provider-process.ts", import.meta.url).pathname

const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "farthing-compile-cache") }

const back = Msat.make(9_000)

/** A provider in a process of its own, which stands still at a moment. */
const startProcess = Effect.fnUntraced(function* (
  town: Town.Town,
  secret: Key.SecretKey,
  moment: string
) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [program, town.folder, town.relay, Redacted.value(secret), moment], {
        env,
        stdio: ["ignore", "pipe", "inherit"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = Effect.promise(async () => String((await lines.next()).value))
  const kill = Effect.promise(async () => {
    child.kill("SIGKILL")
    await once(child, "exit")
  })
  return {
    publicKey: Key.publicKeyOf(secret),
    channel: NostrEvent.EventId.make(yield* line),
    line,
    kill
  }
})

describe("a provider that is killed", () => {
  const moments: ReadonlyArray<readonly [string, string]> = [
    ["once it owes, before it says so", "owed"],
    ["once it has an invoice, before it pays", "claimed"],
    ["once it has paid, before it knows", "paid"],
    ["once it knows that it has paid, before it writes so", "settled"]
  ]
  it.live.each(moments)("%s pays the refund once after a restart", ([, moment]) =>
    Effect.gen(function* () {
      const town = yield* Town.open
      const secret = Market.newSecret()
      yield* Effect.gen(function* () {
        const dead = yield* startProcess(town, secret, moment)
        const buyer = yield* Market.customer(dead)
        const balance = yield* buyer.balance
        const request = yield* buyer.buy()
        const invoice = yield* buyer.makeInvoice(back)
        if (moment !== "owed") {
          yield* buyer.hear("RefundOffer")
          yield* buyer.claim(request, invoice)
        }
        assert.strictEqual(yield* dead.line, moment)
        yield* dead.kill

        const alive = yield* Market.start(secret, [Market.fails("refused")], { lease: "1 second" })
        if (moment === "owed") {
          yield* buyer.hear("RefundOffer")
          yield* buyer.claim(request, invoice)
        }
        yield* alive.next("Refunded")
        assert.strictEqual(yield* buyer.balance, balance - Market.price + back)
        const bank = yield* Bank.Bank
        const { outgoing } = yield* bank.transactions("provider")
        assert.strictEqual(outgoing.length, 1)
        const book = yield* ProviderBook.ProviderBook
        const states = (yield* book.steps(request.id)).map(({ state }) => state)
        assert.deepStrictEqual(states.slice(-2), ["owed", "refunded"])
      }).pipe(Town.livingIn(town))
    }).pipe(Effect.scoped)
  )

  it.live("while its wallet is asked to pay leaves the refund unknown, and pays no other", () =>
    Effect.gen(function* () {
      const town = yield* Town.open
      const secret = Market.newSecret()
      yield* Effect.gen(function* () {
        const dead = yield* startProcess(town, secret, "submitted")
        const buyer = yield* Market.customer(dead)
        const balance = yield* buyer.balance
        const request = yield* buyer.buy()
        yield* buyer.hear("RefundOffer")
        yield* buyer.claim(request, yield* buyer.makeInvoice(back))
        assert.strictEqual(yield* dead.line, "submitted")
        yield* dead.kill

        const alive = yield* Market.start(secret, [Market.fails("refused")], { lease: "1 second" })
        yield* buyer.claim(request, yield* buyer.makeInvoice(back))
        assert.include((yield* alive.next("Trouble")).message, "does not know")
        assert.deepInclude(yield* alive.status, { owed: 1, refunded: 0, lost: 0 })
        assert.strictEqual(yield* buyer.balance, balance - Market.price)
      }).pipe(Town.livingIn(town))
    }).pipe(Effect.scoped)
  )
})

describe("a provider that is killed while it takes its money", () => {
  const deals = [
    ["in escrow, once the wallet has paid out", "taken", Settling.buyInEscrow],
    ["for what is sealed, before the wallet is asked", "claiming", Settling.buySealed]
  ] as const
  for (const [name, moment, deal] of deals)
    it.live(`${name}, has taken it once after a restart`, () =>
      Effect.gen(function* () {
        const town = yield* Town.open
        const secret = Market.newSecret()
        yield* Effect.gen(function* () {
          const dead = yield* startProcess(town, secret, moment)
          const buyer = yield* Market.customer(dead)
          const before = yield* buyer.balance
          const dealing = yield* Effect.forkChild(deal(buyer), { startImmediately: true })
          assert.strictEqual(yield* dead.line, moment)
          yield* dead.kill

          const { settlement } = Market
          const alive = yield* Market.start(secret, [Market.echo], { settlement })
          const { id, text } = yield* Fiber.join(dealing)
          assert.strictEqual(text, "hello!")
          yield* alive.next("Delivered")
          assert.strictEqual(yield* buyer.balance, before - Market.price)
          const bank = yield* Bank.Bank
          assert.strictEqual(yield* bank.balance("provider"), Market.price)
          const book = yield* ProviderBook.ProviderBook
          const states = (yield* book.steps(id)).map(({ state }) => state)
          assert.deepStrictEqual(states.slice(-2), ["claiming", "delivered"])
        }).pipe(Town.livingIn(town))
      }).pipe(Effect.scoped)
    )
})

describe("two provider processes with one book", () => {
  it.live("end a job once", () =>
    Effect.gen(function* () {
      const town = yield* Town.open
      const secret = Market.newSecret()
      yield* Effect.gen(function* () {
        const other = yield* startProcess(town, secret, "")
        const one = yield* Market.start(secret, [Market.fails("refused")])
        assert.strictEqual(one.channel, other.channel)
        const buyer = yield* Market.customer(one)
        const balance = yield* buyer.balance
        const book = yield* ProviderBook.ProviderBook
        for (const _ of [1, 2, 3]) {
          const request = yield* buyer.buy()
          yield* buyer.hear("RefundOffer")
          const [first, second] = [yield* buyer.makeInvoice(back), yield* buyer.makeInvoice(back)]
          yield* Effect.all([buyer.claim(request, first), buyer.claim(request, second)], {
            concurrency: "unbounded"
          })
          const steps = yield* Effect.repeat(book.steps(request.id), {
            until: (steps) => steps.some(({ state }) => state === "refunded")
          })
          assert.strictEqual(steps.filter(({ state }) => state === "refunded").length, 1)
        }
        assert.strictEqual(yield* buyer.balance, balance - 3 * (Market.price - back))
      }).pipe(Town.livingIn(town))
    }).pipe(Effect.scoped)
  )
})
