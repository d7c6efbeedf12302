/** Relay and wallet with a fuse: every message that goes out and every call is a point. */
import { AgentMessage, Announcement, type NostrEvent } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Payer, Wallet } from "@farthing/wallet"
import { Context, Effect, Layer, Option } from "effect"
import { Market } from "farthing"
import { Fuse } from "./Fuse.ts"

/** As `Market.relay`. */
export const relay = Layer.effect(
  Relay.Relay,
  Effect.gen(function* () {
    const { around } = yield* Fuse
    const relay = yield* Relay.Relay
    return Relay.Relay.of({
      ...relay,
      publish: (event, options) =>
        around(`publish: ${nameOf(event)}`, relay.publish(event, options))
    })
  })
).pipe(Layer.provide(Market.relay))

/** As `Market.wallet`. */
export const wallet = Layer.effectContext(
  Effect.gen(function* () {
    const { around } = yield* Fuse
    const wallet = yield* Wallet.Wallet
    const payer = yield* Payer.Payer
    const fused = Wallet.Wallet.of({
      ...wallet,
      info: around("Wallet.info", wallet.info),
      balance: around("Wallet.balance", wallet.balance),
      makeInvoice: (request) => around("Wallet.makeInvoice", wallet.makeInvoice(request)),
      makeHoldInvoice: (request) =>
        around("Wallet.makeHoldInvoice", wallet.makeHoldInvoice(request)),
      quoteHtlc: (request) => around("Wallet.quoteHtlc", wallet.quoteHtlc(request)),
      settleHoldInvoice: (preimage) =>
        around("Wallet.settleHoldInvoice", wallet.settleHoldInvoice(preimage)),
      cancelHoldInvoice: (hash) =>
        around("Wallet.cancelHoldInvoice", wallet.cancelHoldInvoice(hash)),
      lookupIncoming: (hash) => around("Wallet.lookupIncoming", wallet.lookupIncoming(hash)),
      lookupOutgoing: (hash) => around("Wallet.lookupOutgoing", wallet.lookupOutgoing(hash)),
      transactions: (range) => around("Wallet.transactions", wallet.transactions(range))
    })
    return Context.make(Wallet.Wallet, fused).pipe(
      Context.add(
        Payer.Payer,
        Payer.Payer.of({
          ...payer,
          pay: (request) => around("Payer.pay", payer.pay(request)),
          lock: (request) => around("Payer.lock", payer.lock(request)),
          resume: (request) => around("Payer.resume", payer.resume(request))
        })
      )
    )
  })
).pipe(Layer.provide(Market.wallet))

/** What an event says, in a word. */
const nameOf = (event: NostrEvent.NostrEvent): string => {
  switch (event.kind) {
    case Announcement.kind:
      return "announcement"
    case 40:
      return "channel"
    default:
      return Option.match(AgentMessage.parse(event.content), {
        onNone: () => `kind ${event.kind}`,
        onSome: (message) => message.type
      })
  }
}
