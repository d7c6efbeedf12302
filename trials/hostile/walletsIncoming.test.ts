/** Strangers who tell a provider of payments that were never made. */
import { assert, layer } from "@effect/vitest"
import type { Bolt11 } from "@farthing/protocol"
import { Key, Nip47, Nip47Event, NwcUri } from "@farthing/protocol"
import { Relay, Signer, UnixTime } from "@farthing/relay"
import { Effect, Result } from "effect"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import * as People from "../src/People.ts"
import * as Shopper from "../src/Shopper.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

/** Says in the name of a wallet that somebody has paid; signed by whoever says it. */
const pretendPayment = Effect.fnUntraced(function* (
  account: Stage.Account,
  payment: { readonly paymentHash: Bolt11.PaymentHash; readonly bolt11: string }
) {
  const { relays, secret } = Result.getOrThrow(NwcUri.parse(account.nwc))
  const stranger = Signer.make(Key.generate())
  const client = Key.publicKeyOf(secret)
  const now = yield* UnixTime.now
  const notification: Nip47.Notification = {
    notification_type: "payment_received",
    notification: {
      type: "incoming",
      state: "settled",
      invoice: payment.bolt11,
      payment_hash: payment.paymentHash,
      amount: price,
      created_at: now,
      settled_at: now
    }
  }
  const content = yield* stranger.encrypt(client, Nip47.stringifyNotification(notification))
  const relay = yield* Relay.make({ urls: relays })
  yield* relay.publish(
    yield* stranger.sign(Nip47Event.notification({ client, content, createdAt: now }))
  )
})

layer(Stage.layer, { excludeTestServices: true })("strangers at a provider's wallet", (it) => {
  it.effect("a stranger's word that money has come in delivers nothing", () =>
    Effect.gen(function* () {
      const place = yield* Stage.place()
      const seller = yield* People.seller(place, { offer: { priceMsats: price } })
      const cheat = yield* Shopper.make(place, seller.provider)
      const { id } = yield* cheat.ask()
      const { message: quote } = yield* cheat.hear("Invoice")
      const paymentHash = quote.payment_hash
      assert(paymentHash !== undefined)
      yield* pretendPayment(seller.account, { paymentHash, bolt11: quote.bolt11 })
      yield* cheat.say(
        { type: "PaymentSent", job_id: quote.job_id, payment_id: paymentHash },
        { reply: id }
      )

      // Whoever pays after it is served: by then the stranger has been heard, or never will be.
      const honest = yield* Shopper.make(place, seller.provider)
      yield* honest.ask()
      yield* honest.pay((yield* honest.hear("Invoice")).message.bolt11)
      yield* honest.hear("JobResult")

      assert.isEmpty(yield* cheat.heard)
      assert.strictEqual(yield* Books.earned(seller.account), price)
      const { earned, unpaid } = yield* seller.provider.status
      assert.deepEqual({ earned, unpaid }, { earned: price, unpaid: 1 })
    })
  )
})
