/**
 * What every wallet promises, as a list of facts to check. Each layer's tests build a `World` and
 * check every fact in a world of its own.
 */
import { Bolt11, Msat, Network } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Fiber, Option, Stream } from "effect"
import type { Scope } from "effect"
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import type { Shape as Payer } from "../Payer.ts"
import type { Incoming, Outgoing, Shape as Wallet, WalletError } from "../Wallet.ts"
import * as Blocks from "../Blocks.ts"
import type { Later } from "./MovableClock.ts"

export interface Party {
  readonly wallet: Wallet
  readonly payer: Payer
}

/** Three customers of one network; alice and carol have `funds`, bob has nothing. */
export interface World {
  readonly alice: Party
  readonly bob: Party
  readonly carol: Party
  readonly funds: Msat.Msat
  readonly network: Network.Network
  /** What a payment of this amount costs on top of it. */
  readonly feeFor: (amount: Msat.Msat) => Msat.Msat
  /** Makes it so much later for everybody. */
  readonly later: Later
}

export interface Fact {
  readonly promise: string
  readonly check: (world: World) => Effect.Effect<void, unknown, Scope.Scope>
}

const amount = Msat.make(21_000)

/** Blocks for which money is locked here. */
const minFinalCltvDelta = 3

const request = { amount, description: "one thought", expiry: "10 minutes" } as const

export const facts: ReadonlyArray<Fact> = [
  {
    promise: "says on which network it is and that it can hold and lock",
    check: Effect.fnUntraced(function* ({ alice, network }) {
      const info = yield* alice.wallet.info
      assert.equal(info.network, network)
      assert.equal(info.capabilities.hold, true)
      assert.equal(info.capabilities.lock, true)
      assert.equal(info.capabilities.feeCap, alice.payer.capsFee)
    })
  },
  {
    promise: "has an id of its own, which it says when it is asked, too",
    check: Effect.fnUntraced(function* ({ alice, bob, carol }) {
      const ids = [alice, bob, carol].map(({ wallet }) => wallet.id)
      assert.equal(new Set(ids).size, 3)
      assert.equal((yield* alice.wallet.info).id, alice.wallet.id)
    })
  },
  {
    promise: "issues invoices that say what was asked for",
    check: Effect.fnUntraced(function* ({ bob, network }) {
      const made = yield* bob.wallet.makeInvoice(request)
      const invoice = yield* decode(made)
      assert.equal(made.state, "pending")
      assert.equal(made.amount, amount)
      assert.equal(made.paymentHash, invoice.paymentHash)
      assert.equal(invoice.network, network)
      assert.deepEqual(invoice.amount, Option.some(amount))
      assert.deepEqual(invoice.description, Option.some("one thought"))
      assert.equal(invoice.expiresAt - invoice.createdAt, 600)
    })
  },
  {
    promise: "pays an invoice, proves it, and both sides say the same of it",
    check: Effect.fnUntraced(function* ({ alice, bob, feeFor, funds }) {
      const made = yield* bob.wallet.makeInvoice(request)
      const paid = yield* pay(alice, made)

      assert.equal(Bolt11.hashOf(paid.preimage), made.paymentHash)
      assert.equal(yield* bob.wallet.balance, amount)
      assert.equal(yield* alice.wallet.balance, funds - amount - feeFor(amount))

      const received = Option.getOrThrow(yield* bob.wallet.lookupIncoming(made.paymentHash))
      assert.equal(received.state, "settled")
      assert.equal(Option.isSome(received.settledAt), true)

      const sent = Option.getOrThrow(yield* alice.wallet.lookupOutgoing(made.paymentHash))
      assert.equal(sent.state, "settled")
      assert.equal(sent.amount, amount)
      assert.deepEqual(sent.preimage, Option.some(paid.preimage))
    })
  },
  {
    promise: "a second payment of an invoice moves nothing and gives the same proof",
    check: Effect.fnUntraced(function* ({ alice, bob }) {
      const made = yield* bob.wallet.makeInvoice(request)
      const first = yield* pay(alice, made)
      const second = yield* pay(alice, made)
      assert.equal(second.preimage, first.preimage)
      assert.equal(yield* bob.wallet.balance, amount)
    })
  },
  {
    promise: "payments of one invoice at the same time move its money once",
    check: Effect.fnUntraced(function* ({ alice, bob }) {
      const made = yield* bob.wallet.makeInvoice(request)
      const paid = yield* Effect.all([pay(alice, made), pay(alice, made), pay(alice, made)], {
        concurrency: "unbounded"
      })
      assert.equal(new Set(paid.map(({ preimage }) => preimage)).size, 1)
      assert.equal(yield* bob.wallet.balance, amount)
    })
  },
  {
    promise: "fails an invoice that somebody else has paid",
    check: Effect.fnUntraced(function* ({ alice, bob, carol, funds }) {
      const made = yield* bob.wallet.makeInvoice(request)
      yield* pay(carol, made)
      yield* failure(pay(alice, made))
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "fails a payment that the balance does not cover",
    check: Effect.fnUntraced(function* ({ alice, bob, funds }) {
      const made = yield* bob.wallet.makeInvoice({ ...request, amount: Msat.add(funds, amount) })
      const failed = yield* failure(pay(alice, made))
      assert.equal(failed.reason, "insufficient_balance")
      assert.equal(yield* alice.wallet.balance, funds)
      assert.deepEqual(yield* alice.wallet.lookupOutgoing(made.paymentHash), Option.none())
    })
  },
  {
    promise: "fails an invoice that leads nowhere",
    check: Effect.fnUntraced(function* ({ alice, funds, network }) {
      yield* failure(pay(alice, { bolt11: yield* strangersInvoice(network, Option.some(amount)) }))
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "fails an invoice without an amount",
    check: Effect.fnUntraced(function* ({ alice, funds, network }) {
      yield* failure(pay(alice, { bolt11: yield* strangersInvoice(network, Option.none()) }))
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "does not start a payment after the order has expired",
    check: Effect.fnUntraced(function* ({ alice, bob, funds }) {
      const made = yield* bob.wallet.makeInvoice(request)
      const invoice = yield* decode(made)
      const late = { invoice, maxFee: Msat.most, expiresAt: invoice.createdAt - 60 }
      const failed = yield* failure(alice.payer.pay(late))
      assert.equal(failed.reason, "expired")
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "does not pay itself",
    check: Effect.fnUntraced(function* ({ alice, funds }) {
      const made = yield* alice.wallet.makeInvoice(request)
      yield* failure(pay(alice, made))
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "refuses a fee above the cap, where it says that it caps fees",
    check: Effect.fnUntraced(function* ({ alice, bob, feeFor, funds }) {
      const invoice = yield* decode(yield* bob.wallet.makeInvoice(request))
      if (!alice.payer.capsFee) return
      const maxFee = Msat.subtract(feeFor(amount), Msat.make(1))
      const failed = yield* failure(
        alice.payer.pay({ invoice, maxFee, expiresAt: invoice.expiresAt })
      )
      assert.equal(failed.reason, "fee_too_high")
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "knows nothing of payments and invoices that are not its own",
    check: Effect.fnUntraced(function* ({ alice, bob, carol }) {
      const made = yield* bob.wallet.makeInvoice(request)
      assert.deepEqual(yield* bob.wallet.lookupOutgoing(made.paymentHash), Option.none())
      yield* pay(alice, made)
      assert.deepEqual(yield* bob.wallet.lookupOutgoing(made.paymentHash), Option.none())
      assert.deepEqual(yield* alice.wallet.lookupIncoming(made.paymentHash), Option.none())
      assert.deepEqual(yield* carol.wallet.lookupIncoming(made.paymentHash), Option.none())
      assert.deepEqual(yield* carol.wallet.lookupOutgoing(made.paymentHash), Option.none())
    })
  },
  {
    promise: "tells of money as it comes in",
    check: Effect.fnUntraced(function* ({ alice, bob }) {
      const told = yield* Effect.forkChild(Stream.runHead(bob.wallet.incoming), {
        startImmediately: true
      })
      const made = yield* bob.wallet.makeInvoice(request)
      yield* pay(alice, made)
      const incoming = Option.getOrThrow(yield* Fiber.join(told))
      assert.equal(incoming.paymentHash, made.paymentHash)
      assert.equal(incoming.state, "settled")
      assert.equal(incoming.amount, amount)
    })
  },
  {
    promise: "lists what came and what went, newest first",
    check: Effect.fnUntraced(function* ({ alice, bob }) {
      const first = yield* bob.wallet.makeInvoice(request)
      const second = yield* bob.wallet.makeInvoice(request)
      yield* pay(alice, first)
      yield* pay(alice, second)
      const hashes = [second.paymentHash, first.paymentHash]
      const { outgoing } = yield* alice.wallet.transactions()
      const { incoming } = yield* bob.wallet.transactions({ limit: 10 })
      assert.deepEqual(
        outgoing.map(({ paymentHash }) => paymentHash),
        hashes
      )
      assert.deepEqual(
        incoming.map(({ paymentHash }) => paymentHash),
        hashes
      )
      assert.deepEqual(
        outgoing.map(({ state }) => state),
        ["settled", "settled"]
      )
    })
  },
  {
    promise: "holds a payment until its preimage is shown",
    check: Effect.fnUntraced(function* ({ alice, bob, feeFor, funds }) {
      const { made, preimage } = yield* holdInvoice(bob)
      const told = yield* Effect.forkChild(
        bob.wallet.incoming.pipe(Stream.take(2), Stream.runCollect),
        { startImmediately: true }
      )
      const paying = yield* Effect.forkChild(pay(alice, made))
      yield* becomes(bob.wallet, made, "held")

      assert.equal(yield* bob.wallet.balance, 0)
      assert.equal(yield* alice.wallet.balance, funds - amount - feeFor(amount))
      const underway = Option.getOrThrow(yield* alice.wallet.lookupOutgoing(made.paymentHash))
      assert.equal(underway.state, "pending")
      assert.deepEqual(underway.preimage, Option.none())

      yield* bob.wallet.settleHoldInvoice(preimage)
      const paid = yield* Fiber.join(paying)
      assert.equal(paid.preimage, preimage)
      assert.equal(yield* bob.wallet.balance, amount)
      yield* becomes(bob.wallet, made, "settled")
      assert.deepEqual(
        (yield* Fiber.join(told)).map(({ state }) => state),
        ["held", "settled"]
      )
    })
  },
  {
    promise: "gives the money of a cancelled hold invoice back, fee and all",
    check: Effect.fnUntraced(function* ({ alice, bob, funds }) {
      const { made, preimage } = yield* holdInvoice(bob)
      const paying = yield* Effect.forkChild(Effect.flip(pay(alice, made)))
      yield* becomes(bob.wallet, made, "held")
      yield* bob.wallet.cancelHoldInvoice(made.paymentHash)

      assert.equal((yield* Fiber.join(paying))._tag, "PaymentFailed")
      assert.equal(yield* alice.wallet.balance, funds)
      const refused = yield* Effect.flip(bob.wallet.settleHoldInvoice(preimage))
      assert.equal(refused.reason._tag, "WalletRefused")
    })
  },
  {
    promise: "refuses to settle what is not held",
    check: Effect.fnUntraced(function* ({ alice, bob }) {
      const { made, preimage } = yield* holdInvoice(bob)
      const early = yield* Effect.flip(bob.wallet.settleHoldInvoice(preimage))
      assert.equal(early.reason._tag, "WalletRefused")
      const stranger = yield* Effect.flip(alice.wallet.cancelHoldInvoice(made.paymentHash))
      assert.equal(stranger.reason._tag, "WalletRefused")
    })
  },
  {
    promise: "issues hold invoices that lock the money for as long as it was asked to",
    check: Effect.fnUntraced(function* ({ bob }) {
      const { made } = yield* holdInvoice(bob)
      assert.equal((yield* decode(made)).minFinalCltvDelta, minFinalCltvDelta)
      assert.deepEqual(made.heldUntil, Option.none())
    })
  },
  {
    promise: "locks money until its preimage is shown, and says how long it can be taken",
    check: Effect.fnUntraced(function* ({ alice, bob, feeFor, funds }) {
      const { made, preimage } = yield* holdInvoice(bob)
      const { end } = yield* lock(alice, made)

      const held = Option.getOrThrow(yield* bob.wallet.lookupIncoming(made.paymentHash))
      assert.equal(held.state, "held")
      const left = Option.getOrThrow(held.heldUntil) - (yield* UnixTime.now)
      assert.ok(left <= minFinalCltvDelta * Blocks.seconds)
      assert.ok(left > (minFinalCltvDelta - 1) * Blocks.seconds - 60)
      assert.equal(yield* bob.wallet.balance, 0)
      assert.equal(yield* alice.wallet.balance, funds - amount - feeFor(amount))
      assert.equal((yield* sent(alice, made)).state, "pending")

      yield* bob.wallet.settleHoldInvoice(preimage)
      assert.equal((yield* end).preimage, preimage)
      assert.equal((yield* end).preimage, preimage)
      assert.equal(yield* bob.wallet.balance, amount)
      assert.equal((yield* sent(alice, made)).state, "settled")
      const taken = Option.getOrThrow(yield* bob.wallet.lookupIncoming(made.paymentHash))
      assert.deepEqual([taken.state, taken.heldUntil], ["settled", Option.none()])
    })
  },
  {
    promise: "gives locked money back when the payee cancels, and does not lock it again",
    check: Effect.fnUntraced(function* ({ alice, bob, funds }) {
      const { made } = yield* holdInvoice(bob)
      const { end } = yield* lock(alice, made)
      yield* bob.wallet.cancelHoldInvoice(made.paymentHash)
      yield* failure(end)
      assert.equal((yield* sent(alice, made)).state, "failed")
      yield* failure(lock(alice, made))
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "gives locked money back that nobody has taken in time",
    check: Effect.fnUntraced(function* ({ alice, bob, funds, later }) {
      const { made, preimage } = yield* holdInvoice(bob)
      const { end } = yield* lock(alice, made)
      yield* later(`${minFinalCltvDelta * Blocks.seconds} seconds`)
      yield* failure(end)
      assert.equal(yield* alice.wallet.balance, funds)
      const late = yield* Effect.flip(bob.wallet.settleHoldInvoice(preimage))
      assert.equal(late.reason._tag, "WalletRefused")
      const gone = Option.getOrThrow(yield* bob.wallet.lookupIncoming(made.paymentHash))
      assert.deepEqual([gone.state, gone.heldUntil], ["cancelled", Option.none()])
      assert.equal((yield* sent(alice, made)).state, "failed")
    })
  },
  {
    promise: "pays when it locks the money of an invoice whose payee does not wait",
    check: Effect.fnUntraced(function* ({ alice, bob }) {
      const made = yield* bob.wallet.makeInvoice(request)
      const { end } = yield* lock(alice, made)
      assert.equal(yield* bob.wallet.balance, amount)
      assert.equal(Bolt11.hashOf((yield* end).preimage), made.paymentHash)
    })
  },
  {
    promise: "locks of one invoice at the same time move its money once, and end alike",
    check: Effect.fnUntraced(function* ({ alice, bob, feeFor, funds }) {
      const { made, preimage } = yield* holdInvoice(bob)
      const locks = yield* Effect.all([lock(alice, made), lock(alice, made)], {
        concurrency: "unbounded"
      })
      assert.equal(yield* alice.wallet.balance, funds - amount - feeFor(amount))
      yield* bob.wallet.settleHoldInvoice(preimage)
      for (const { end } of locks) assert.equal((yield* end).preimage, preimage)
      assert.equal(yield* bob.wallet.balance, amount)
    })
  },
  {
    promise: "leaves a lock to be looked up and taken up again when its caller goes away",
    check: Effect.fnUntraced(function* ({ alice, bob, feeFor, funds }) {
      const { made, preimage } = yield* holdInvoice(bob)
      const locking = yield* Effect.forkChild(lock(alice, made))
      yield* becomes(bob.wallet, made, "held")
      yield* Fiber.interrupt(locking)
      assert.equal((yield* sent(alice, made)).state, "pending")

      const { end } = yield* lock(alice, made)
      assert.equal(yield* alice.wallet.balance, funds - amount - feeFor(amount))
      yield* bob.wallet.settleHoldInvoice(preimage)
      assert.equal((yield* end).preimage, preimage)
    })
  },
  {
    promise: "fails a lock that the balance does not cover",
    check: Effect.fnUntraced(function* ({ alice, bob, funds }) {
      const { made } = yield* holdInvoice(bob, Msat.add(funds, amount))
      const failed = yield* failure(lock(alice, made))
      assert.equal(failed.reason, "insufficient_balance")
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "fails a lock of what somebody else has locked",
    check: Effect.fnUntraced(function* ({ alice, bob, carol, funds }) {
      const { made } = yield* holdInvoice(bob)
      yield* lock(carol, made)
      yield* failure(lock(alice, made))
      assert.equal(yield* alice.wallet.balance, funds)
    })
  },
  {
    promise: "does not lock money after the order has expired",
    check: Effect.fnUntraced(function* ({ alice, bob, funds }) {
      const { made } = yield* holdInvoice(bob)
      const invoice = yield* decode(made)
      const late = { invoice, maxFee: Msat.most, expiresAt: invoice.createdAt - 60 }
      const failed = yield* failure(alice.payer.lock(late))
      assert.equal(failed.reason, "expired")
      assert.equal(yield* alice.wallet.balance, funds)
    })
  }
]

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
const sent = (
  payer: Party,
  { paymentHash }: Pick<Incoming, "paymentHash">
): Effect.Effect<Outgoing, WalletError> =>
  Effect.map(payer.wallet.lookupOutgoing(paymentHash), Option.getOrThrow)

const decode = ({ bolt11 }: { readonly bolt11: string }) => Effect.fromResult(Bolt11.decode(bolt11))

const failure = <A, E extends { readonly _tag: string }>(payment: Effect.Effect<A, E>) =>
  Effect.flip(payment).pipe(
    Effect.filterOrFail(
      (error): error is Extract<E, { readonly _tag: "PaymentFailed" }> =>
        error._tag === "PaymentFailed",
      (error) => error
    )
  )

const holdInvoice = Effect.fnUntraced(function* (payee: Party, price = amount) {
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
const becomes = (
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
const strangersInvoice = Effect.fnUntraced(function* (
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
