import { assert, describe, it } from "@effect/vitest"
import { Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Key, Msat, NostrEvent } from "@farthing/protocol"
import { Effect, Exit, Layer, Ref } from "effect"
import * as Recover from "../src/commands/jobs/Recover.ts"
import { Output } from "../src/Output.ts"

const job = (digit: string, state: ComputeClient.JobState): ComputeClient.Job => ({
  request: NostrEvent.EventId.make(digit.repeat(64)),
  purchase: Treasury.PurchaseId.make(digit),
  provider: Key.PublicKey.make("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
  providerName: "shop",
  settlement: "upfront",
  state,
  amount: Msat.make(1000),
  paymentHash: undefined,
  requestedAt: 0,
  note: ""
})

describe("`jobs recover` with a wallet that cannot be reached", () => {
  it.effect("shows what it collected, and fails for what it could not look up", () =>
    Effect.gen(function* () {
      const jobs = yield* Ref.make([job("a", "paid"), job("b", "unknown")])
      const shown: Array<string> = []
      const client = Layer.mock(ComputeClient.ComputeClient)({
        jobs: () => Ref.get(jobs),
        recover: Ref.set(jobs, [job("a", "delivered"), job("b", "unknown")]).pipe(
          Effect.andThen(new Treasury.WalletUnavailable({ message: "no wallet" }))
        )
      })
      const output = Layer.mock(Output)({
        json: false,
        progress: () => Effect.void,
        line: (text) => Effect.sync(() => void shown.push(text))
      })
      const exit = yield* Effect.exit(Effect.provide(Recover.run(), [client, output]))
      assert.isTrue(Exit.isFailure(exit))
      assert.match(shown.join("\n"), / delivered /)
      assert.notMatch(shown.join("\n"), / unknown /)
    })
  )
})
