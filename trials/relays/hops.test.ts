/** How often a purchase waits for a relay: where each wait is 100 ms, nothing else matters. */
import { assert, layer } from "@effect/vitest"
import { Msat, NwcUri } from "@farthing/protocol"
import { Effect } from "effect"
import * as Books from "../src/Books.ts"
import * as HopCount from "../src/HopCount.ts"
import * as Manner from "../src/Manner.ts"
import * as OtherRelay from "../src/OtherRelay.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

const price = Msat.make(5_003)
const budget = Msat.make(100_000)

/** Loses what tells a provider that it was paid, so that only its wallet can know. */
const losesWordOfPayment: OtherRelay.Manner = () => ({
  onRelay: (frame) =>
    JSON.stringify(frame[2] ?? "").includes(String.raw`\"PaymentSent\"`)
      ? []
      : [OtherRelay.forward(frame)]
})

/** A seller and a customer on a relay like strfry, each of whose hops is counted. */
const market = Effect.gen(function* () {
  const count = HopCount.make()
  const place = yield* Stage.place()
  const relayOf = (person: string) =>
    OtherRelay.make(
      place.urls[0]!,
      OtherRelay.of(count.between(person), losesWordOfPayment, Manner.holdsLive(100))
    )
  const [forSeller, forCustomer] = [yield* relayOf("seller"), yield* relayOf("customer")]
  const open = Effect.fnUntraced(function* (wallets?: (person: string) => string) {
    const wayOf = (person: string) =>
      wallets === undefined ? {} : { walletWay: () => wallets(person) }
    const seller = yield* People.seller(
      { ...place, urls: [forSeller.url] },
      { offer: { priceMsats: price }, ...wayOf("seller") }
    )
    const customer = yield* People.customer(
      { ...place, urls: [forCustomer.url] },
      wayOf("customer")
    )
    return { seller, customer }
  })
  return { count, open }
})

const buy = ({ client }: People.Customer, prompt: string) =>
  client.requestInference({ prompt, budget })

layer(Stage.layer, { excludeTestServices: true })("a purchase by a warm customer", (it) => {
  it.effect("waits for three events, whatever the provider is told of its payment", () =>
    Effect.gen(function* () {
      const { count, open } = yield* market
      const { customer, seller } = yield* open()
      yield* buy(customer, "to get warm")
      count.take("customer")
      yield* buy(customer, "request, invoice, result")
      assert.strictEqual(count.take("customer"), 3)
      assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price, price))
      assert.strictEqual(yield* Books.earned(seller.account), 2 * price)
    })
  )

  it.effect("waits for four more where both wallets are reached over relays", () =>
    Effect.gen(function* () {
      const { count, open } = yield* market
      const bank = yield* (yield* Stage.Stage).account("onlooker")
      const { relays } = yield* Effect.fromResult(NwcUri.parse(bank.nwc))
      const walletOf = (person: string) =>
        OtherRelay.make(relays[0]!, OtherRelay.of(count.between(person, "bank")))
      const wallets = new Map([
        ["seller", (yield* walletOf("seller")).url],
        ["customer", (yield* walletOf("customer")).url]
      ])
      const { customer } = yield* open((person) => wallets.get(person)!)
      yield* buy(customer, "to get warm")
      count.take("customer")
      // request, make_invoice, its answer, invoice, pay_invoice, its notification, result
      yield* buy(customer, "over two wallets")
      assert.strictEqual(count.take("customer"), 7)
    })
  )
})
