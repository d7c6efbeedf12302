import { assert, layer } from "@effect/vitest"
import { Duration, Effect } from "effect"
import * as Cli from "./support/Cli.ts"
import * as ForeignWallet from "./support/ForeignWallet.ts"
import * as SharedMarket from "./support/SharedMarket.ts"

/** A customer whose wallet never says a word. */
const unanswered = Effect.gen(function* () {
  const market = yield* SharedMarket.SharedMarket
  const wallet = yield* ForeignWallet.serve(market.relay, {})
  return { env: yield* market.customer({ FARTHING_WALLET_NWC_URI: wallet.uri }), market }
})

layer(SharedMarket.layer, { excludeTestServices: true, concurrent: true })(
  "a wallet that is silent",
  (it) => {
    for (const args of [["wallet"], ["doctor"]])
      it.effect(`is told of by \`${args.join(" ")}\` within seconds, with where it was asked`, () =>
        Effect.gen(function* () {
          const { env, market } = yield* unanswered
          const [took, finished] = yield* Effect.timed(Cli.run(args, env))
          assert.strictEqual(finished.code, 1)
          const told = finished.stdout + finished.stderr
          assert.include(told, `(asked over ${market.relay})`)
          assert.isBelow(Duration.toSeconds(took), 20)
        })
      )
  }
)
