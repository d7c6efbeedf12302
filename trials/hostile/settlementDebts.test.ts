/** Customers who take a result in escrow and never show its preimage: they do so once. */
import { assert, describe, it } from "@effect/vitest"
import { Bolt11 } from "@farthing/protocol"
import { Effect } from "effect"
import * as Deal from "../src/Deal.ts"
import * as Settling from "../src/Settling.ts"
import * as Shop from "../src/Shop.ts"
import * as Shopper from "../src/Shopper.ts"
import * as Stage from "../src/Stage.ts"

const offer = { priceMsats: Deal.price, settlement: ["upfront", "escrow"] } as const

const escrowFor = (shopper: Shopper.Shopper, preimage: Bolt11.Preimage) =>
  shopper.ask({ settlement: ["escrow"], payment_hash: Bolt11.hashOf(preimage) })

/** Locks, and takes the result. */
const take = Effect.fnUntraced(function* (shopper: Shopper.Shopper) {
  const preimage = Settling.newPreimage()
  const { id } = yield* escrowFor(shopper, preimage)
  yield* shopper.lock((yield* shopper.hear("Invoice")).message.bolt11)
  yield* shopper.hear("JobResult")
  return { preimage, request: id }
})

const isRefused = Effect.fnUntraced(function* (shopper: Shopper.Shopper) {
  yield* escrowFor(shopper, Settling.newPreimage())
  const { message } = yield* shopper.hear("JobError")
  assert.strictEqual(message.code, "settlement_unsupported")
  assert.include(message.message, "not released")
})

describe.concurrent("a customer who was delivered to in escrow", () => {
  it.live("and does not release gets nothing more on trust, until it releases", () =>
    Stage.played((later) =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({ offer })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const { preimage, request } = yield* take(shopper)
        yield* later("2 minutes")
        yield* isRefused(shopper)
        yield* shopper.ask({ settlement: ["escrow", "upfront"] })
        yield* shopper.hear("JobError")
        yield* shopper.ask({ settlement: ["upfront"] })
        yield* shopper.hear("Invoice")

        yield* shopper.release(request, preimage)
        assert.strictEqual(yield* shopper.endOf(Bolt11.hashOf(preimage)), "settled")
        yield* escrowFor(shopper, Settling.newPreimage())
        yield* shopper.hear("Invoice")
      })
    )
  )

  it.live("and never released is remembered for a day after its money went back", () =>
    Stage.played((later) =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({ offer })
        const shopper = yield* Shopper.make(shop.place, shop.provider)
        const { preimage } = yield* take(shopper)
        yield* later("25 hours")
        assert.strictEqual(yield* shopper.endOf(Bolt11.hashOf(preimage)), "failed")
        yield* isRefused(shopper)
        yield* later("25 hours")
        yield* escrowFor(shopper, Settling.newPreimage())
        yield* shopper.hear("Invoice")
      })
    )
  )

  it.live("does not stand in the way of anybody else", () =>
    Stage.played((later) =>
      Effect.gen(function* () {
        const shop = yield* Shop.open({ offer })
        const debtor = yield* Shopper.make(shop.place, shop.provider)
        const other = yield* Shopper.make(shop.place, shop.provider)
        yield* take(debtor)
        yield* later("2 minutes")
        yield* isRefused(debtor)
        yield* take(other)
      })
    )
  )
})
