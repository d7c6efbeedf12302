/** Three relays, of which one never answers and one dies: nobody waits for either. */
import { assert, layer } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Effect, Stream } from "effect"
import * as Books from "../src/Books.ts"
import * as Misbehaviour from "../src/Misbehaviour.ts"
import * as OtherRelay from "../src/OtherRelay.ts"
import * as People from "../src/People.ts"
import * as Stage from "../src/Stage.ts"

const price = Msat.make(4_009)
const budget = Msat.make(100_000)

/** So long that who waits for the silent one fails the trial. */
const patience = {
  FARTHING_COMPUTE_QUOTE_TIMEOUT: "10 minutes",
  FARTHING_COMPUTE_PAYMENT_TIMEOUT: "10 minutes",
  FARTHING_COMPUTE_FIRST_CHUNK_TIMEOUT: "10 minutes",
  FARTHING_COMPUTE_JOB_TIMEOUT: "10 minutes"
}

/** A good place, a relay that will never answer from now on, and one that is about to die. */
const place = Effect.gen(function* () {
  const good = yield* Stage.place()
  const [silent, dying] = [
    yield* OtherRelay.make((yield* Stage.place()).urls[0]!),
    yield* OtherRelay.make((yield* Stage.place()).urls[0]!)
  ]
  return { ...good, urls: [silent.url, dying.url, ...good.urls], silent, dying }
})

layer(Stage.layer, { excludeTestServices: true })("of three relays", (it) => {
  it.effect("one that never answers and one that dies hold no purchase up", () =>
    Effect.gen(function* () {
      const { dying, silent, ...market } = yield* place
      const seller = yield* People.seller(market, { offer: { priceMsats: price } })
      const customer = yield* People.customer(market, { environment: patience })
      const buy = (prompt: string) => customer.client.requestInference({ prompt, budget })
      yield* buy("while all is well")
      yield* silent.behave(OtherRelay.of(Misbehaviour.all.keepsSilent))
      yield* buy("while one is silent")
      // Dies when the payment is under way, and comes back for no more than a moment.
      yield* customer.client.streamInference({ prompt: "while one dies", budget }).pipe(
        Stream.tap((told) =>
          told._tag === "Stage" && told.stage === "pay" ? dying.down : Effect.void
        ),
        Stream.runDrain
      )
      yield* buy("while one is dead")
      yield* Effect.andThen(dying.up, dying.cut)
      yield* buy("while it comes back")
      const prices = Array.from({ length: 5 }, () => price)
      assert.deepStrictEqual(yield* Books.of(customer), Books.paid(...prices))
      assert.strictEqual(yield* Books.earned(seller.account), 5 * price)
    })
  )
})
