/** What the parties of a world do with each other. */
import { Bolt11, Msat, Network } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Option, Redacted, Schedule } from "effect"
import { randomBytes } from "node:crypto"
import type { Incoming, Outgoing, Shape as Wallet, WalletError } from "../Wallet.ts"
import * as Blocks from "../Blocks.ts"
import type { HoldTerms, Party, World } from "./World.ts"
import { usualHolds } from "./World.ts"

export const amount = Msat.make(21_000)

export const request = { amount, description: "one thought", expiry: "10 minutes" } as const

/** Between two look-ups: wallets are asked over a network. */
const oftenEnough = Schedule.spaced("20 millis")

/** Pays, with no cap on the fee and a minute's time. */
export const pay = (party: Party, made: { readonly bolt11: string }) =>
  Effect.flatMap(orderOf(made), party.payer.pay)

/** Locks, with no cap on the fee and a minute's time. */
export const lock = (party: Party, made: { readonly bolt11: string }) =>
  Effect.flatMap(orderOf(made), party.payer.lock)

/** Locks, until bob sees it: money may take longer to arrive than to leave. */
export const lockFor = ({ bob }: World, payer: Party, made: Incoming) =>
  Effect.tap(lock(payer, made), () => becomes(bob.wallet, made, "held"))

/** An order with a minute's time and, unless it is capped, any fee. */
export const orderOf = Effect.fnUntraced(function* (
  made: { readonly bolt11: string },
  maxFee = Msat.most
) {
  const invoice = yield* decode(made)
  const expiresAt = (yield* UnixTime.now) + 60
  return { invoice, maxFee, expiresAt }
})

/** What the payer's wallet knows of its payment. */
export const sent = (
  payer: Party,
  { paymentHash }: Pick<Incoming, "paymentHash">
): Effect.Effect<Outgoing, WalletError> =>
  Effect.map(payer.wallet.lookupOutgoing(paymentHash), Option.getOrThrow)

/** Until the payer's wallet knows of the payment. */
export const begun = (
  payer: Party,
  { paymentHash }: Pick<Incoming, "paymentHash">
): Effect.Effect<unknown, WalletError> =>
  Effect.repeat(payer.wallet.lookupOutgoing(paymentHash), {
    until: Option.isSome,
    schedule: oftenEnough
  })

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

export const newPreimage = Effect.sync(() => Bolt11.Preimage.make(randomBytes(32).toString("hex")))

export const holdTerms = ({ holds }: World): HoldTerms => ({ ...usualHolds, ...holds })

/** A hold invoice of bob. */
export const holdInvoice = Effect.fnUntraced(function* (world: World, price = amount) {
  const preimage = yield* newPreimage
  const made = yield* world.bob.wallet.makeHoldInvoice({
    ...request,
    amount: price,
    minFinalCltvDelta: holdTerms(world).blocks,
    paymentHash: Bolt11.hashOf(preimage)
  })
  return { made, preimage }
})

/** Until the payee says that it can take the money. */
export const heldUntil = (world: World, { paymentHash }: Pick<Incoming, "paymentHash">) =>
  Effect.map(world.bob.wallet.lookupIncoming(paymentHash), (found) =>
    Option.flatMap(found, (incoming) => incoming.heldUntil)
  )

/** So much later that a lock has ended which could be taken until `end`, or that begins now. */
export const outlast = Effect.fnUntraced(function* (world: World, end: Option.Option<number>) {
  const now = yield* UnixTime.now
  const latest = Option.getOrElse(end, () => now + holdTerms(world).blocks * Blocks.seconds)
  yield* world.later(`${latest - now + Blocks.seconds} seconds`)
})

/** Bob cancels, and the time passes that the money takes to be back. */
export const cancel = Effect.fnUntraced(function* (
  world: World,
  made: Pick<Incoming, "paymentHash">
) {
  const end = yield* heldUntil(world, made)
  yield* world.bob.wallet.cancelHoldInvoice(made.paymentHash)
  if (holdTerms(world).cancelReturns === "at the end") yield* outlast(world, end)
})

/** Looks until the invoice, or HTLC, is in that state. */
export const becomes = (
  wallet: Wallet,
  { paymentHash }: Pick<Incoming, "paymentHash">,
  state: Incoming["state"]
): Effect.Effect<unknown, WalletError> =>
  wallet.lookupIncoming(paymentHash).pipe(
    Effect.repeat({
      until: (found) => Option.exists(found, (incoming) => incoming.state === state),
      schedule: oftenEnough
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

/** An order to lock money for somebody whom nobody here knows. */
export const strangersHtlc = Effect.fnUntraced(function* (
  network: Network.Network,
  preimage: Bolt11.Preimage
) {
  const now = yield* UnixTime.now
  return {
    htlc: {
      network,
      address: "sparkrt1stranger",
      amount,
      paymentHash: Bolt11.hashOf(preimage),
      expiresAt: now + 600,
      lockSeconds: 3_600
    },
    preimage: Redacted.make(preimage),
    expiresAt: now + 60
  }
})
