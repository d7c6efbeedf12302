/** How money ends that is locked to a payment hash: taken with the preimage, or back. */
import type { Bolt11, Msat } from "@farthing/protocol"
import { Msat as Msats } from "@farthing/protocol"
import type { Scope } from "effect"
import { Duration, Effect, Option, PubSub } from "effect"
import type { Paid } from "../Payer.ts"
import { PaymentFailed } from "../Payer.ts"
import type { SdkSession } from "./SdkSession.ts"
import type { SparkOutgoing } from "./SparkOutgoing.ts"
import type { Swap } from "./Swap.ts"

/** What is looked at again when the wallet's own events say that something moved, or after a while. */
const firstPause = Duration.millis(25)
const longestPause = Duration.seconds(10)

export interface Locked {
  readonly paymentHash: Bolt11.PaymentHash
  readonly amount: Msat.Msat
}

/** However long it takes. What cannot be asked for now is asked for again. */
export const follow = Effect.fnUntraced(function* (
  { events }: Pick<SdkSession, "events">,
  outgoing: SparkOutgoing,
  { amount, paymentHash }: Locked
): Effect.fn.Return<Paid, PaymentFailed, Scope.Scope> {
  const woken = yield* PubSub.subscribe(events)
  let pause = firstPause
  while (true) {
    const swap = yield* Effect.orElseSucceed(outgoing.find(paymentHash), () => Option.none<Swap>())
    const end = Option.flatMap(swap, (it) => endOf(it, amount))
    if (Option.isSome(end)) return yield* end.value
    yield* Effect.timeoutOption(PubSub.take(woken), pause)
    pause = Duration.min(Duration.times(pause, 1.5), longestPause)
  }
}, Effect.scoped)

/** None while it is open, or while nobody shows the preimage that must have been shown. */
const endOf = (
  { state, value }: Swap,
  amount: Msat.Msat
): Option.Option<Effect.Effect<Paid, PaymentFailed>> => {
  switch (state._tag) {
    case "Waiting":
      return Option.none()
    case "Shown":
      return Option.map(state.preimage, (preimage) =>
        Effect.succeed({ preimage, fee: Msats.left(value, amount) })
      )
    case "Returned":
      return Option.some(Effect.fail(returned))
  }
}

export const returned = new PaymentFailed({
  reason: "no_route",
  message: "Nobody took the money, and it is back"
})
