/** What the parties of a world do with each other. */
import { Bolt11, Msat, Network } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Option } from "effect"
import { randomBytes } from "node:crypto"
import type { Incoming, Outgoing, Shape as Wallet, WalletError } from "../Wallet.ts"
import type { Party } from "./World.ts"

export const amount = Msat.make(21_000)

/** Blocks for which money is locked here. */
export const minFinalCltvDelta = 3

export const request = { amount, description: "one thought", expiry: "10 minutes" } as const

/** Pays, with no cap on the fee and a minute's time. */
export const pay = (party: Party, made: { readonly bolt11: string }) =>
  Effect.flatMap(orderOf(made), party.payer.pay)

/** Locks, with no cap on the fee and a minute's time. */
export const lock = (party: Party, made: { readonly bolt11: string }) =>
  Effect.flatMap(orderOf(made), party.payer.lock)

const orderOf = Effect.fnUntraced(function* (made: { readonly bolt11: string }) {
  const invoice = yield* decode(made)
  const expiresAt = (yield* UnixTime.now) + 60
  return { invoice, maxFee: Msat.most, expiresAt }
})

/** What the payer's wallet knows of its payment. */
export const sent = (
  payer: Party,
  { paymentHash }: Pick<Incoming, "paymentHash">
): Effect.Effect<Outgoing, WalletError> =>
  Effect.map(payer.wallet.lookupOutgoing(paymentHash), Option.getOrThrow)

export const decode = ({ bolt11 }: { readonly bolt11: string }) =>
  Effect.fromResult(Bolt11.decode(bolt11))

export const failure = <A, E extends { readonly _tag: string }>(payment: Effect.Effect<A, E>) =>
  Effect.flip(payment).pipe(
    Effect.filterOrFail(
      (error): error is Extract<E, { readonly _tag: "PaymentFailed" }> =>
        error._tag === "PaymentFailed",
      (error) => error
    )
  )

export const holdInvoice = Effect.fnUntraced(function* (payee: Party, price = amount) {
  const preimage = Bolt11.Preimage.make(randomBytes(32).toString("hex"))
  const made = yield* payee.wallet.makeHoldInvoice({
    ...request,
    amount: price,
    minFinalCltvDelta,
    paymentHash: Bolt11.hashOf(preimage)
  })
  return { made, preimage }
})

/** Looks until the invoice is in that state. */
export const becomes = (
  wallet: Wallet,
  invoice: Incoming,
  state: Incoming["state"]
): Effect.Effect<unknown, WalletError> =>
  wallet.lookupIncoming(invoice.paymentHash).pipe(
    Effect.repeat({
      until: (found) => Option.exists(found, (incoming) => incoming.state === state)
    })
  )

/** A good invoice of a node that nobody here knows. */
export const strangersInvoice = Effect.fnUntraced(function* (
  network: Network.Network,
  wanted: Option.Option<Msat.Msat>
) {
  return Bolt11.encode(
    {
      network,
      amount: wanted,
      createdAt: yield* UnixTime.now,
      expirySeconds: 600,
      paymentHash: Bolt11.PaymentHash.make(randomBytes(32).toString("hex")),
      paymentSecret: randomBytes(32).toString("hex"),
      description: "",
      minFinalCltvDelta: 18
    },
    randomBytes(32)
  )
})
