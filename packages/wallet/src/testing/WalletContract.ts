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
import type { Incoming, Shape as Wallet, WalletError } from "../Wallet.ts"

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
}

export interface Fact {
  readonly promise: string
  readonly check: (world: World) => Effect.Effect<void, unknown, Scope.Scope>
}

const amount = Msat.make(21_000)

const request = { amount, description: "one thought", expiry: "10 minutes" } as const

export const facts: ReadonlyArray<Fact> = [
  {
    promise: "says on which network it is and that it can hold",
    check: Effect.fnUntraced(function* ({ alice, network }) {
      const info = yield* alice.wallet.info
      assert.equal(info.network, network)
      assert.equal(info.capabilities.hold, true)
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
  }
]

/** An order to pay with no cap on the fee and a minute's time. */
export const pay = Effect.fnUntraced(function* (
  party: Party,
  { bolt11 }: { readonly bolt11: string }
) {
  const invoice = yield* decode({ bolt11 })
  const expiresAt = (yield* UnixTime.now) + 60
  return yield* party.payer.pay({ invoice, maxFee: Msat.most, expiresAt })
})

const decode = ({ bolt11 }: { readonly bolt11: string }) => Effect.fromResult(Bolt11.decode(bolt11))

const failure = <A, E extends { readonly _tag: string }>(payment: Effect.Effect<A, E>) =>
  Effect.flip(payment).pipe(
    Effect.filterOrFail(
      (error): error is Extract<E, { readonly _tag: "PaymentFailed" }> =>
        error._tag === "PaymentFailed",
      (error) => error
    )
  )

const holdInvoice = Effect.fnUntraced(function* (payee: Party) {
  const preimage = Bolt11.Preimage.make(randomBytes(32).toString("hex"))
  const made = yield* payee.wallet.makeHoldInvoice({
    ...request,
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
