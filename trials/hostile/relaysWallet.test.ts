/** What the relay of a wallet can do to a payment: delay its end, and never falsify it. */
import { assert, layer } from "@effect/vitest"
import { PurchaseId, TickId } from "@farthing/budget/Spend"
import { Bolt11, Key, Msat, NwcUri } from "@farthing/protocol"
import { Context, Effect, Layer, Redacted, Result, Schedule } from "effect"
import * as OtherRelay from "../src/OtherRelay.ts"
import * as Books from "../src/Books.ts"
import * as Misbehaviour from "../src/Misbehaviour.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

const amount = Msat.make(5_009)

/** What a payment bears, however long it takes. */
const borne: Partial<Record<Misbehaviour.Name, string>> = {
  reorders: "lets messages overtake each other settles",
  duplicates: "repeats every message settles once",
  delays: "holds everything up settles",
  withholdsEose: "never says that it has sent all settles",
  withholdsOk: "never says whether it took the request settles by the wallet's answer",
  mixesUp: "sends answers to other subscriptions settles",
  forgesContents: "puts another answer under a genuine id settles by the genuine one",
  forgesIds: "sends answers under wrong ids settles by the genuine ones",
  forgesSignatures: "sends answers with wrong signatures settles by the genuine ones",
  babbles: "sends garbage settles",
  limitsRateAtFirst: "limits the rate for a moment settles"
}

/** What leaves open how a payment ends. */
const doubtful: Partial<Record<Misbehaviour.Name, string>> = {
  drops: "loses every third message is settled, failed or unknown, as it truly is",
  breaks: "resets the connection in mid-frame is settled, failed or unknown, as it truly is",
  shouts: "sends nine megabytes is settled, failed or unknown, as it truly is",
  onlyForges: "forges every answer is unknown until a look-up tells",
  interrogates: "asks for ever who asks is failed or unknown, as it truly is",
  forgetsWhoAsks: "forgets who asks is failed or unknown, as it truly is",
  limitsRate: "always limits the rate is failed or unknown, as it truly is",
  swallows: "takes the request and passes it on to nobody is unknown, and held",
  denies: "refuses the request and passes it on all the same is not taken to have failed",
  keepsSilent: "says nothing is unknown, and held"
}

/** For what may never come. */
const impatience = { FARTHING_COMPUTE_PAYMENT_TIMEOUT: "3 seconds" }

/** A payer whose wallet is reached over a relay that can misbehave. */
const payerOver = Effect.fnUntraced(function* (environment: People.Environment) {
  const person = yield* People.person(yield* Stage.place(), { name: "payer", environment })
  const uri = yield* Effect.fromResult(NwcUri.parse(person.account.nwc))
  const relay = yield* OtherRelay.make(uri.relays[0]!)
  const nwc = NwcUri.format({ ...uri, relays: [relay.url] })
  const payer = yield* People.revive({
    ...person,
    environment: { ...person.environment, FARTHING_WALLET_NWC_URI: Redacted.value(nwc) }
  })
  return { payer, relay }
})

/** Pays while the relay misbehaves, tries again, and looks what became of it once it is honest. */
const pay = Effect.fnUntraced(function* (name: Misbehaviour.Name) {
  const { account, bank } = yield* Stage.Stage
  const payee = yield* account("payee", Msat.zero)
  const { payer, relay } = yield* payerOver(name in borne ? {} : impatience)
  yield* payer.wallet.balance
  const invoice = yield* bank
    .makeInvoice(payee.account, { amount, description: name, expiry: "10 minutes" })
    .pipe(Effect.flatMap(({ bolt11 }) => Effect.fromResult(Bolt11.decode(bolt11))))
  const spend = {
    purchase: PurchaseId.make(name),
    tick: TickId.make(name),
    payee: Key.publicKeyOf(Key.generate()),
    invoice,
    cap: Msat.make(50_000),
    approved: false
  }
  yield* relay.behave(OtherRelay.of(Misbehaviour.all[name]))
  const first = yield* Effect.result(payer.treasury.pay(spend))
  yield* relay.behave(OtherRelay.honest)
  yield* Effect.retry(payer.wallet.balance, Schedule.spaced("100 millis"))
  yield* Effect.retry(payer.treasury.recover, Schedule.spaced("100 millis"))
  const again = yield* Effect.result(payer.treasury.pay(spend))
  const [record] = yield* payer.treasury.find(spend.purchase)
  return {
    first,
    again,
    record,
    books: yield* Books.of(payer),
    earned: yield* Books.earned(payee)
  }
}, Effect.scoped)

type Outcome = Effect.Success<ReturnType<typeof pay>>

class Outcomes extends Context.Service<Outcomes, ReadonlyMap<string, Outcome>>()(
  "@farthing/trials/relaysWallet/Outcomes"
) {}

/** Many at once, because most of it is waiting. */
const outcomes = Layer.effect(
  Outcomes,
  Effect.map(
    Effect.forEach(
      // Those that say least take longest.
      Misbehaviour.names.toReversed(),
      (name) => Effect.map(pay(name), (outcome) => [name, outcome] as const),
      { concurrency: 12 }
    ),
    (all) => new Map(all)
  )
).pipe(Layer.provideMerge(Stage.layer))

const outcomeOf = (name: string) => Effect.map(Outcomes, (all) => all.get(name)!)

layer(outcomes, { excludeTestServices: true, timeout: "2 minutes" })(
  "a payment over a relay that",
  (it) => {
    for (const [name, title] of Object.entries(borne))
      it.effect(title, () =>
        Effect.gen(function* () {
          const { books, earned, first, record } = yield* outcomeOf(name)
          if (Result.isFailure(first)) assert.fail(first.failure.message)
          assert.strictEqual(record?.state, "settled")
          assert.deepStrictEqual(books, Books.paid(amount))
          assert.strictEqual(earned, amount)
        })
      )

    for (const [name, title] of Object.entries(doubtful))
      it.effect(title, () =>
        Effect.gen(function* () {
          const { again, books, earned, first, record } = yield* outcomeOf(name)
          assert.deepStrictEqual(books.findings, [])
          // Paid or not: the bank and the ledger say the same.
          if (earned === amount) {
            assert.deepStrictEqual(books, Books.paid(amount))
            assert.strictEqual(record?.state, "settled")
          } else {
            assert.deepStrictEqual([books.gone, books.spent], [0, 0])
            assert.include(["failed", "unknown"], record?.state)
            // What may still be paid stays held.
            assert.strictEqual(books.held > amount, record?.state === "unknown")
            assert.strictEqual(Result.isFailure(again), true)
          }
          if (Result.isSuccess(first)) assert.strictEqual(earned, amount)
          // What failed by its own word was paid by the second attempt, or not at all.
          else if (first.failure._tag === "PaymentFailed" && earned === amount)
            assert.strictEqual(Result.isSuccess(again), true)
        })
      )
  }
)
