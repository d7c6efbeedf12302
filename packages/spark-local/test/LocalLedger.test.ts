import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Sat } from "@farthing/protocol"
import { Clock, Effect, Exit, Schema } from "effect"
import { TestClock } from "effect/testing"
import { randomUUID } from "node:crypto"
import * as Audit from "../src/Audit.ts"
import * as Identity from "../src/Identity.ts"
import * as Leaf from "../src/Leaf.ts"
import * as Ledger from "../src/Ledger.ts"
import * as Operator from "../src/Operator.ts"
import { newPreimage } from "./LocalWorld.ts"

const who = Schema.Literals([0, 1, 2])
const several = Schema.Literals([0, 1, 2, 3])
const sats = Sat.Sat.check(Schema.isLessThan(200))

/** What people try. */
const Step = Schema.Union([
  Schema.TaggedStruct("Fund", { to: who, sats }),
  Schema.TaggedStruct("Send", { from: who, to: who, several }),
  Schema.TaggedStruct("Lock", { from: who, to: who, several, secret: who }),
  Schema.TaggedStruct("Show", { by: who, secret: who }),
  Schema.TaggedStruct("Renounce", { by: who }),
  Schema.TaggedStruct("Claim", { by: who }),
  Schema.TaggedStruct("Exchange", { by: who, several, asks: Schema.Literals([0, 0, 1]) }),
  Schema.TaggedStruct("Wait", { seconds: Schema.Literals([1, 3]) })
])

const lockMillis = 2_000

const three = <A, E, R>(one: Effect.Effect<A, E, R>) => Effect.all([one, one, one])

/** A ledger of three people, and what each should own by what was done. */
const makeTown = Effect.gen(function* () {
  const serviceProvider = yield* Identity.generate
  const mint = yield* Identity.generate
  const people = yield* three(Identity.generate)
  const secrets = yield* three(newPreimage)
  const operators = yield* Operator.makeThree
  const ledger = yield* Ledger.make({ operators, threshold: 2, serviceProvider })
  yield* ledger.issueToVault(Sat.make(1_000))
  const wealth = [0, 0, 0] as [number, number, number]

  const pick = (person: 0 | 1 | 2, count: number) =>
    [...ledger.leaves.all()]
      .filter(({ owner, state }) => owner === people[person].identity && state === "available")
      .slice(0, count)

  const order = (sender: 0 | 1 | 2, receiver: Identity.Identity, count: number) => ({
    id: randomUUID(),
    sender: people[sender].identity,
    receiver,
    parcels: pick(sender, count).map(({ id }) => ({
      leafId: id,
      secretCipher: new Uint8Array(),
      signature: new Uint8Array()
    }))
  })

  const first = (person: 0 | 1 | 2, state: "locked" | "sent") =>
    ledger
      .transfers()
      .find((transfer) => transfer.state === state && transfer.receiver === people[person].identity)

  const take = Effect.fnUntraced(function* (step: typeof Step.Type) {
    switch (step._tag) {
      case "Fund":
        yield* ledger.fund(mint, people[step.to].identity, step.sats)
        wealth[step.to] += step.sats
        return
      case "Send": {
        const given = order(step.from, people[step.to].identity, step.several)
        const { value } = yield* ledger.send(given, "")
        wealth[step.from] -= value
        wealth[step.to] += value
        return
      }
      case "Lock": {
        const expiresAt = (yield* Clock.currentTimeMillis) + lockMillis
        const paymentHash = Bolt11.hashOf(secrets[step.secret])
        const given = order(step.from, people[step.to].identity, step.several)
        yield* ledger.lock({ ...given, paymentHash, expiresAt })
        return
      }
      case "Show": {
        const before = ledger.transfers().filter(({ state }) => state === "locked")
        const shown = yield* ledger.provide(secrets[step.secret], people[step.by].identity)
        if (!before.some(({ id }) => id === shown.id)) return
        wealth[people.findIndex(({ identity }) => identity === shown.sender)]! -= shown.value
        wealth[step.by] += shown.value
        return
      }
      case "Renounce":
        yield* ledger.renounce(first(step.by, "locked")?.id ?? "", people[step.by].identity)
        return
      case "Claim": {
        const sent = first(step.by, "sent")
        const claims = (sent?.parcels ?? []).map(({ leafId }) => ({
          leafId,
          operatorsKey: mint.publicKey,
          refundTx: new Uint8Array()
        }))
        yield* ledger.claim(sent?.id ?? "", people[step.by].identity, claims)
        return
      }
      case "Exchange": {
        const offer = order(step.by, serviceProvider.identity, step.several)
        const { value } = yield* ledger.offerForExchange(offer)
        const values = Leaf.fewest(Sat.make(value + step.asks))
        yield* ledger.exchange(offer.id, people[step.by].identity, values)
        return
      }
      case "Wait":
        yield* TestClock.adjust(`${step.seconds} seconds`)
    }
  })

  const check = Effect.gen(function* () {
    const audit = yield* ledger.read(() => Audit.of(ledger))
    assert.deepStrictEqual(audit.findings, [])
    people.forEach(({ identity }, index) => {
      const { available, incoming, locked } = audit.owners.get(identity) ?? nothing
      assert.strictEqual(available + incoming + locked, wealth[index])
    })
  })

  return { take, check, ledger, secrets }
})

const nothing = { available: 0, incoming: 0, locked: 0 }

describe("The operators' ledger", () => {
  it.effect.prop(
    "makes and loses nothing, whatever people try, and a refusal changes nothing",
    [Schema.Array(Step).check(Schema.isMinLength(15), Schema.isMaxLength(40))],
    ([steps]) =>
      Effect.gen(function* () {
        const { check, ledger, take } = yield* makeTown
        for (const to of [0, 1] as const) {
          yield* take({ _tag: "Fund", to, sats: Sat.make(50) })
          yield* take({ _tag: "Claim", by: to })
        }
        for (const step of steps) {
          const before = yield* ledger.read(() => JSON.stringify(Audit.of(ledger)))
          const exit = yield* Effect.exit(take(step))
          yield* check
          if (Exit.isSuccess(exit) || step._tag === "Exchange") continue
          assert.strictEqual(yield* ledger.read(() => JSON.stringify(Audit.of(ledger))), before)
        }
      }),
    { arbitrary: { runs: 20 } }
  )

  it.effect("returns what is locked when its time is over, and not before", () =>
    Effect.gen(function* () {
      const { check, ledger, secrets, take } = yield* makeTown
      yield* take({ _tag: "Fund", to: 0, sats: Sat.make(64) })
      yield* take({ _tag: "Claim", by: 0 })
      yield* take({ _tag: "Lock", from: 0, to: 1, several: 3, secret: 0 })
      const [, locked] = ledger.transfers()
      yield* TestClock.adjust(lockMillis - 1)
      assert.strictEqual(ledger.findTransfer(locked?.id ?? "")?.state, "locked")
      yield* TestClock.adjust(1)
      yield* check
      assert.strictEqual(ledger.findTransfer(locked?.id ?? "")?.state, "returned")
      const late = yield* Effect.flip(ledger.provide(secrets[0], locked!.receiver))
      assert.strictEqual(late.code, "NOT_FOUND")
    })
  )
})

describe("Denominations", () => {
  it.effect.prop(
    "are powers of two that add up",
    [Sat.Sat.check(Schema.isLessThan(2 ** 40))],
    ([amount]) =>
      Effect.sync(() => {
        for (const values of [Leaf.fewest(amount), Leaf.several(amount)]) {
          assert.strictEqual(
            values.reduce((sum, value) => sum + value, 0),
            amount
          )
          assert.isTrue(values.every((value) => Number.isInteger(Math.log2(value))))
        }
      })
  )
})
