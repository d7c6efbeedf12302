/** Wallet and Payer over a Lightning node. */
import { Hex, Msat } from "@farthing/protocol"
import { Blocks, Payer, Wallet } from "@farthing/wallet"
import * as NoHtlc from "@farthing/wallet/NoHtlc"
import { Effect, Option, Stream } from "effect"
import * as Account from "./Account.ts"
import type { Network } from "./Network.ts"
import type { Node } from "./Node.ts"
import * as Paying from "./Paying.ts"
import * as Receiving from "./Receiving.ts"

export const make = Effect.fnUntraced(function* (network: Network, node: Node) {
  const account = yield* Account.make(network, node)
  network.listen(node, (event) => {
    Receiving.hear(account, event)
    Paying.hear(account, event)
  })

  const id = Wallet.WalletId.make(`ldk:${Hex.fromBytes(node.id)}`)

  const toIncoming = (issued: Account.Issued): Wallet.Incoming => {
    const tip = { height: network.height(), at: account.now() }
    return {
      paymentHash: issued.paymentHash,
      bolt11: issued.bolt11,
      amount: issued.amount,
      state: issued.state === "pending" && issued.expiresAt <= tip.at ? "expired" : issued.state,
      heldUntil:
        issued.state === "held" ? Option.some(Blocks.timeOf(issued.deadline, tip)) : Option.none(),
      createdAt: issued.createdAt,
      settledAt: issued.settledAt
    }
  }

  const wallet = Wallet.Wallet.of({
    id,
    info: Effect.succeed({
      id,
      alias: "",
      network: "regtest",
      capabilities: { hold: true, lock: true, htlc: false, feeCap: true }
    }),
    balance: Effect.sync(() => Msat.make(Account.balanceOf(account))),
    address: Effect.succeedNone,
    makeInvoice: (request) => Effect.map(Receiving.makeInvoice(account, request), toIncoming),
    makeHoldInvoice: (request) =>
      Effect.map(Receiving.makeHoldInvoice(account, request), toIncoming),
    quoteHtlc: NoHtlc.quoteHtlc,
    settleHoldInvoice: (preimage) => Receiving.settle(account, preimage),
    cancelHoldInvoice: (paymentHash) => Receiving.cancel(account, paymentHash),
    lookupIncoming: (paymentHash) =>
      Effect.sync(() =>
        Option.map(Option.fromUndefinedOr(account.issued.get(paymentHash)), toIncoming)
      ),
    lookupOutgoing: (paymentHash) =>
      Effect.sync(() => Option.fromUndefinedOr(account.begun.get(paymentHash)?.record)),
    transactions: ({ limit, since = 0 } = {}) =>
      Effect.sync(() => ({
        incoming: [...account.issued.values()]
          .map(toIncoming)
          .filter(({ createdAt }) => createdAt >= since)
          .toReversed()
          .slice(0, limit),
        outgoing: [...account.begun.values()]
          .map(({ record }) => record)
          .filter(({ createdAt }) => createdAt >= since)
          .toReversed()
          .slice(0, limit),
        transfers: []
      })),
    incoming: Stream.map(Stream.fromPubSub(account.receipts), toIncoming)
  })

  const payer = Payer.Payer.of({
    capsFee: true,
    pay: (request) => Paying.pay(account, request),
    lock: NoHtlc.invoicesOnly((request) => Paying.lock(account, request)),
    resume: () => Effect.void
  })

  return { wallet, payer }
})
