import { assert, describe, it } from "@effect/vitest"
import { AgentMessage, NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import { hash } from "node:crypto"
import * as Market from "./support/Market.ts"

const provider = (
  plays?: ReadonlyArray<Market.Play>,
  options?: Parameters<typeof Market.start>[2]
) => Market.start(Market.newSecret(), plays, options)

describe("ComputeProvider", () => {
  it.live("sells an inference: request, quote, payment, result", () =>
    Effect.gen(function* () {
      const seller = yield* provider()
      const buyer = yield* Market.customer(seller)
      const request = yield* buyer.ask({ model: "small" })
      const quote = yield* buyer.hear("Invoice")
      assert.deepInclude(quote.message, {
        job_id: AgentMessage.jobIdOf(request.id),
        request_id: request.id,
        amount_msats: Market.price,
        settlement: "upfront"
      })
      assert.deepStrictEqual(
        quote.event.tags.filter(([name]) => name !== "salt").map((tag) => [tag[0], tag[1], tag[3]]),
        [
          ["e", seller.channel, "root"],
          ["e", request.id, "reply"],
          ["p", buyer.publicKey, undefined]
        ]
      )
      assert.match(NostrEvent.tagValue(quote.event, "salt") ?? "", /^[0-9a-f]{16}$/)
      yield* buyer.pay(quote.message.bolt11)
      const { message } = yield* buyer.hear("JobResult")
      assert.deepStrictEqual(message, {
        type: "JobResult",
        job_id: AgentMessage.jobIdOf(request.id),
        result: "hello!",
        request_id: request.id,
        model: "small",
        tokens_in: 3,
        tokens_out: 5,
        finish_reason: "stop",
        sha256: hash("sha256", "hello!")
      })
      yield* seller.next("Delivered")
      assert.deepInclude(yield* seller.status, {
        online: true,
        delivered: 1,
        failed: 0,
        unpaid: 0,
        earned: Market.price
      })
    }).pipe(Market.inMarket)
  )
})
