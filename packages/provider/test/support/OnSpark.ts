/**
 * An account at the bank as a wallet on Spark: an HTLC is a hold invoice without a text. What it was
 * asked for outlives a provider's process, like the bank.
 */
import { type Bolt11, Key, Hex, SparkAddress } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Blocks, type Wallet } from "@farthing/wallet"
import { Duration, Effect, Option, Stream } from "effect"

export const address = SparkAddress.encode({
  network: "regtest",
  identity: Hex.toBytes(`02${Key.publicKeyOf(Key.generate())}`)
})

export interface Options {
  /** Whether it makes hold invoices, too; default true. */
  readonly hold?: boolean
}

const htlcs = new Set<Bolt11.PaymentHash>()

const withoutText = (incoming: Wallet.Incoming): Wallet.Incoming =>
  htlcs.has(incoming.paymentHash) ? { ...incoming, bolt11: "" } : incoming

export const wallet =
  ({ hold = true }: Options = {}) =>
  (real: Wallet.Shape): Wallet.Shape => ({
    ...real,
    info: Effect.map(real.info, (info) => ({
      ...info,
      capabilities: { ...info.capabilities, hold, htlc: true }
    })),
    address: Effect.succeedSome(address),
    quoteHtlc: Effect.fnUntraced(function* ({ amount, expiry, lock, paymentHash }) {
      const lockSeconds = Math.ceil(Duration.toSeconds(lock))
      // Of the block under way nothing is counted on.
      const minFinalCltvDelta = Math.ceil(lockSeconds / Blocks.seconds) + 1
      const terms = { amount, expiry, paymentHash, description: "", minFinalCltvDelta }
      yield* real.makeHoldInvoice(terms)
      htlcs.add(paymentHash)
      const expiresAt = (yield* UnixTime.now) + Math.ceil(Duration.toSeconds(expiry))
      return { network: "regtest", address, amount, paymentHash, expiresAt, lockSeconds }
    }),
    lookupIncoming: (paymentHash) =>
      Effect.map(real.lookupIncoming(paymentHash), Option.map(withoutText)),
    incoming: Stream.map(real.incoming, withoutText)
  })
