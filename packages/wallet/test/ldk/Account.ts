/** A Lightning node as somebody's wallet, and what that remembers of its invoices and payments. */
import type { Bolt11, Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Payer, type Wallet } from "@farthing/wallet"
import { Clock, Deferred, Effect, Option, PubSub } from "effect"
import type { Network } from "./Network.ts"
import type { Node } from "./Node.ts"

export interface Account {
  readonly network: Network
  readonly node: Node
  readonly now: () => number
  readonly issued: Map<Bolt11.PaymentHash, Issued>
  readonly begun: Map<Bolt11.PaymentHash, Begun>
  /** Invoices as their money comes in. */
  readonly receipts: PubSub.PubSub<Issued>
}

/** An invoice of ours. */
export interface Issued {
  readonly paymentHash: Bolt11.PaymentHash
  readonly bolt11: string
  readonly amount: Msat.Msat
  readonly hold: boolean
  readonly createdAt: number
  readonly expiresAt: number
  readonly state: "pending" | "held" | "settled" | "cancelled"
  /** The height at which the node gives up on the money of a held one. */
  readonly deadline: number
  readonly settledAt: Option.Option<number>
}

/** A payment of ours, and its end. */
export interface Begun {
  readonly record: Wallet.Outgoing
  readonly end: Deferred.Deferred<Payer.Paid, Payer.PaymentFailed>
}

export const make = Effect.fnUntraced(function* (network: Network, node: Node) {
  const clock = yield* Clock.Clock
  return {
    network,
    node,
    now: () => UnixTime.fromMillis(clock.currentTimeMillisUnsafe()),
    issued: new Map(),
    begun: new Map(),
    receipts: yield* PubSub.unbounded<Issued>()
  } satisfies Account
})

/** Millisatoshi that the node can send, those under way and its reserves left out. */
export const balanceOf = ({ node }: Account): number =>
  node.manager
    .list_channels()
    .reduce((sum, channel) => sum + Number(channel.get_outbound_capacity_msat()), 0)

/** Writes what became of an invoice, and tells of money. */
export const update = (account: Account, issued: Issued, change: Partial<Issued>): void => {
  const updated = { ...issued, ...change }
  account.issued.set(issued.paymentHash, updated)
  if (updated.state === "held" || updated.state === "settled")
    PubSub.publishUnsafe(account.receipts, updated)
}

/** Writes what became of a payment, and tells whoever waits for its end. */
export const conclude = (
  account: Account,
  { end, record }: Begun,
  outcome: Payer.Paid | Payer.PaymentFailed
): void => {
  const failed = outcome instanceof Payer.PaymentFailed
  const concluded: Wallet.Outgoing = failed
    ? { ...record, state: "failed" }
    : {
        ...record,
        state: "settled",
        preimage: Option.some(outcome.preimage),
        fee: Option.fromUndefinedOr(outcome.fee),
        settledAt: Option.some(account.now())
      }
  account.begun.set(record.paymentHash, { end, record: concluded })
  Deferred.doneUnsafe(end, failed ? Effect.fail(outcome) : Effect.succeed(outcome))
}
