/** Customers who ask money back: more than is owed, more than once, or what is not theirs. */
import { assert, layer } from "@effect/vitest"
import { type Bolt11, Msat, type NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Option, Schedule } from "effect"
import * as ForeignInvoice from "../src/ForeignInvoice.ts"
import * as Shop from "../src/Shop.ts"
import * as Shopper from "../src/Shopper.ts"
import * as Stage from "../src/Stage.ts"

const price = Msat.make(16_007)

/** What is given back for it: less a sat for the fee, in whole sats. */
const owed = Msat.make(15_000)

const offer = { priceMsats: price }

/** Asks, pays, and hears that there is no result, but money on offer. */
const beOwed = Effect.fnUntraced(function* (shopper: Shopper.Shopper) {
  const { id } = yield* shopper.ask({ model: "echo" })
  yield* shopper.pay((yield* shopper.hear("Invoice")).message.bolt11)
  assert.strictEqual((yield* shopper.hear("JobError")).message.code, "inference_failed")
  const { message } = yield* shopper.hear("RefundOffer")
  assert.deepInclude(message, { request_id: id, amount_msats: owed })
  return id
})

const claim = (shopper: Shopper.Shopper, request: NostrEvent.EventId, bolt11: string) =>
  shopper.say({ type: "RefundInvoice", request_id: request, bolt11 }, { reply: request })

const claimAmount = (shopper: Shopper.Shopper, request: NostrEvent.EventId, amount: Msat.Msat) =>
  Effect.flatMap(shopper.makeInvoice(amount), ({ bolt11 }) => claim(shopper, request, bolt11))

/** What somebody has less than at the beginning. */
const lessBy = (shopper: Shopper.Shopper) =>
  Effect.map(shopper.balance, (balance) => shopper.account.opening - balance)

const refunded: Shop.Account = {
  ...Shop.sold(0, price),
  refunded: 1,
  inferred: 1,
  gained: price - owed - Stage.fee
}

/** A shop where nothing succeeds, and a customer to whom it owes a refund. */
const debt = Effect.gen(function* () {
  const shop = yield* Shop.open({ offer, fails: true })
  const shopper = yield* Shopper.make(shop.place, shop.provider)
  return { shop, shopper, request: yield* beOwed(shopper) }
})

type Debt = Effect.Success<typeof debt>

/** Whatever was asked before: the true invoice is paid, and nothing else was. */
const isPaidOnceMore = Effect.fnUntraced(function* ({ request, shop, shopper }: Debt) {
  const { bolt11 } = yield* shopper.makeInvoice(owed)
  yield* Effect.raceFirst(
    Shop.closing(shop, refunded),
    // Asked while the provider still looks into another invoice, it does not look into this one.
    Effect.repeat(claim(shopper, request, bolt11), Schedule.spaced("500 millis"))
  )
  assert.strictEqual(yield* lessBy(shopper), price + Stage.fee - owed)
})

/** A claim that is not paid, however well it is meant. */
const isIgnored = (bolt11: (owing: Debt) => Effect.Effect<string, unknown, Stage.Stage>) =>
  Effect.gen(function* () {
    const owing = yield* debt
    yield* claim(owing.shopper, owing.request, yield* bolt11(owing))
    yield* isPaidOnceMore(owing)
  })

const bolt11Of = ({ bolt11 }: Bolt11.Invoice) => bolt11

layer(Stage.layer, { excludeTestServices: true })("a refund", (it) => {
  it.effect("is paid once, whoever asks for it how often and with how many invoices", () =>
    Effect.gen(function* () {
      const { request, shop, shopper } = yield* debt
      const invoices = yield* Effect.replicateEffect(shopper.makeInvoice(owed), 5)
      const claims = yield* Effect.forEach(
        invoices,
        ({ bolt11 }) => claim(shopper, request, bolt11),
        { concurrency: "unbounded" }
      )
      yield* Effect.forEach(claims, shopper.publish)
      yield* Shop.closing(shop, refunded)
      yield* claimAmount(shopper, request, owed)
      const other = yield* Shopper.make(shop.place, shop.provider)
      const next = yield* beOwed(other)
      yield* claimAmount(other, next, owed)
      yield* Shop.closing(shop, {
        ...refunded,
        refunded: 2,
        inferred: 2,
        gained: 2 * refunded.gained
      })
      assert.strictEqual(yield* lessBy(shopper), price + Stage.fee - owed)
    })
  )

  it.effect("above what is on offer is not paid", () =>
    isIgnored(({ shopper }) => Effect.map(shopper.makeInvoice(Msat.make(owed + 1_000)), bolt11Of))
  )

  it.effect("below what is on offer is not paid either: the amount is agreed", () =>
    isIgnored(({ shopper }) => Effect.map(shopper.makeInvoice(Msat.make(owed - 1_000)), bolt11Of))
  )

  it.effect("to an invoice without an amount is not paid", () =>
    isIgnored(() => Effect.map(ForeignInvoice.make({ amount: Option.none() }), bolt11Of))
  )

  it.effect("to an invoice of another network is not paid", () =>
    isIgnored(() =>
      Effect.map(ForeignInvoice.make({ network: "mainnet", amount: Option.some(owed) }), bolt11Of)
    )
  )

  it.effect("to an invoice that has expired is not paid", () =>
    isIgnored(() =>
      UnixTime.now.pipe(
        Effect.flatMap((now) =>
          ForeignInvoice.make({ amount: Option.some(owed), createdAt: now - 7_200 })
        ),
        Effect.map(bolt11Of)
      )
    )
  )

  it.effect("to what is no invoice at all is not paid", () =>
    isIgnored(() => Effect.succeed("lnbcrt1\u001b[2Jnonsense"))
  )

  it.effect("to an invoice of the provider itself is not paid", () =>
    isIgnored(({ shop }) =>
      Effect.gen(function* () {
        const { bank } = yield* Stage.Stage
        const own = yield* bank.makeInvoice(shop.account.account, {
          amount: owed,
          description: "back to sender",
          expiry: "10 minutes"
        })
        return own.bolt11
      })
    )
  )

  it.effect("is not paid to a stranger", () =>
    Effect.gen(function* () {
      const owing = yield* debt
      const stranger = yield* Shopper.make(owing.shop.place, owing.shop.provider)
      yield* claimAmount(stranger, owing.request, owed)
      yield* isPaidOnceMore(owing)
      assert.strictEqual(yield* lessBy(stranger), 0)
    })
  )

  it.effect("is not paid for what was never paid, nor for what was delivered", () =>
    Effect.gen(function* () {
      const shop = yield* Shop.open({ offer })
      const shopper = yield* Shopper.make(shop.place, shop.provider)
      const quoted = yield* shopper.ask({ model: "echo" })
      yield* shopper.hear("Invoice")
      yield* claimAmount(shopper, quoted.id, owed)
      yield* claimAmount(shopper, quoted.id, price)
      const delivered = yield* shopper.ask({ model: "echo" })
      yield* shopper.pay((yield* shopper.hear("Invoice")).message.bolt11)
      yield* shopper.hear("JobResult")
      yield* claimAmount(shopper, delivered.id, owed)
      yield* claimAmount(shopper, delivered.id, price)
      // By the time that the next one is served, all of it was heard.
      yield* shopper.ask({ model: "echo" })
      yield* shopper.pay((yield* shopper.hear("Invoice")).message.bolt11)
      yield* shopper.hear("JobResult")
      yield* Shop.closing(shop, { ...Shop.sold(2, price), unpaid: 1 })
      assert.strictEqual(yield* lessBy(shopper), 2 * (price + Stage.fee))
    })
  )
})
