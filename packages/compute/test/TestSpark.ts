/**
 * A customer whose wallet locks to Spark addresses: each is somebody's account at the bank, and an HTLC
 * is a hold invoice there without a text and without a fee.
 */
import {
  type AgentMessage,
  Bolt11,
  Hex,
  type Key,
  Msat,
  type Network,
  SparkAddress
} from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook, Blocks, Faults, LedgerWallet, Payer, Wallet } from "@farthing/wallet"
import { Relay, UnixTime } from "@farthing/relay"
import { Context, Effect, Layer, Option } from "effect"
import * as TestMarket from "./TestMarket.ts"
import type * as TestPeer from "./TestPeer.ts"

/** The Spark address of somebody with such a key. */
export const addressOf = (pubkey: Key.PublicKey, network: Network.Network = "regtest"): string =>
  SparkAddress.encode({ network, identity: Hex.toBytes(`02${pubkey}`) })

/** A bank that takes nothing for a payment. */
export const world = Layer.effectDiscard(
  Effect.flatMap(Bank.Bank, (bank) => bank.open("customer", TestMarket.sats(1_000_000)))
).pipe(
  Layer.provideMerge(Faults.layer),
  Layer.provide(BankBook.layer({ network: "regtest", lookAround: "1 day" })),
  Layer.provide(Sqlite.layer({ filename: ":memory:" })),
  Layer.merge(Relay.layerMemory)
)

/** What was locked, and where to. */
export class Locks extends Context.Service<Locks, Array<Payer.HtlcRequest["htlc"]>>()(
  "test/Locks"
) {}

export const locks = Layer.sync(Locks, () => [])

const accountOf = (address: string): string => `spark ${address}`

/** The wallet of the customer's account at the bank, which does this before it says that money is locked. */
export const walletThat = (before: Effect.Effect<void>) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const bank = yield* Bank.Bank
      const locks = yield* Locks
      const context = yield* LedgerWallet.make({ account: "customer" })
      const wallet = Context.get(context, Wallet.Wallet)
      const payer = Context.get(context, Payer.Payer)

      const lockHtlc = Effect.fnUntraced(function* ({ expiresAt, htlc }: Payer.HtlcRequest) {
        const account = accountOf(htlc.address)
        yield* Effect.orDie(bank.open(account))
        const { bolt11 } = yield* Effect.orDie(
          bank.makeInvoice(account, {
            amount: htlc.amount,
            paymentHash: htlc.paymentHash,
            description: "",
            expiry: `${htlc.expiresAt - (yield* UnixTime.now)} seconds`,
            minFinalCltvDelta: Math.ceil(htlc.lockSeconds / Blocks.seconds)
          })
        )
        const invoice = yield* Effect.orDie(Effect.fromResult(Bolt11.decode(bolt11)))
        const locked = yield* payer.lock({ invoice, maxFee: Msat.zero, expiresAt })
        locks.push(htlc)
        yield* before
        return locked
      })

      return Context.make(
        Payer.Payer,
        Payer.Payer.of({
          ...payer,
          lock: (request) => ("htlc" in request ? lockHtlc(request) : payer.lock(request))
        })
      ).pipe(
        Context.add(
          Wallet.Wallet,
          Wallet.Wallet.of({
            ...wallet,
            info: Effect.map(wallet.info, (info) => ({
              ...info,
              capabilities: { ...info.capabilities, htlc: true }
            }))
          })
        )
      )
    })
  )

export const wallet = walletThat(Effect.void)

/** What a provider says who wants a job's money locked at its address, changed as a test likes. */
export const quoteOf = (
  job: TestPeer.Job,
  amount: Msat.Msat,
  change: Partial<AgentMessage.EscrowQuote> = {}
): AgentMessage.EscrowQuote => ({
  type: "EscrowQuote",
  request_id: job.event.id,
  job_id: job.jobId,
  rail: "spark",
  spark_address: addressOf(job.signer.publicKey),
  amount_msats: amount,
  payment_hash: change.payment_hash ?? hashIn(job),
  lock_secs: 1_020,
  ...change
})

export const hashIn = ({ request }: TestPeer.Job): Bolt11.PaymentHash =>
  Option.getOrThrow(Option.fromUndefinedOr(request.payment_hash))

/** Takes what is locked at the address of a key, by its preimage; whether the bank gave it. */
export const claim = (bank: Bank.Shape, pubkey: Key.PublicKey, preimage: Bolt11.Preimage) =>
  bank.settleHold(accountOf(addressOf(pubkey)), preimage).pipe(
    Effect.as(true),
    Effect.orElseSucceed(() => false)
  )

/** Lets it go back to whoever locked it. */
export const giveBack = (
  bank: Bank.Shape,
  pubkey: Key.PublicKey,
  paymentHash: Bolt11.PaymentHash
) => bank.cancelHold(accountOf(addressOf(pubkey)), paymentHash)

/** What the owner of an address has. */
export const balanceOf = (pubkey: Key.PublicKey) =>
  Effect.flatMap(Bank.Bank, (bank) => {
    const account = accountOf(addressOf(pubkey))
    return Effect.andThen(bank.open(account), bank.balance(account))
  })
