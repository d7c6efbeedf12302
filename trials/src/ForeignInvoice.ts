/** Invoices of a node that is not the bank: well made, and whatever a trial wants them to say. */
import { Bolt11, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Option } from "effect"
import { randomBytes } from "node:crypto"

const nodeKey = randomBytes(32)

/** An invoice over 5,000 msat that was made now and stands for an hour, but for the change. */
export const make = Effect.fnUntraced(function* (change: Partial<Bolt11.Draft> = {}) {
  const draft: Bolt11.Draft = {
    network: "regtest",
    amount: Option.some(Msat.make(5_000)),
    createdAt: yield* UnixTime.now,
    expirySeconds: 3_600,
    paymentHash: Bolt11.PaymentHash.make(randomBytes(32).toString("hex")),
    paymentSecret: randomBytes(32).toString("hex"),
    description: "a job",
    minFinalCltvDelta: 18,
    ...change
  }
  return yield* Effect.fromResult(Bolt11.decode(Bolt11.encode(draft, nodeKey)))
})
