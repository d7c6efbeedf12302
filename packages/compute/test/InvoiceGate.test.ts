import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Key, Msat } from "@farthing/protocol"
import { Option, Result } from "effect"
import type { InvoiceFault } from "../src/ComputeError.ts"
import * as InvoiceGate from "../src/InvoiceGate.ts"
import type { QuotedInvoice } from "../src/JobTransport.ts"

const now = 1_800_000_000
const node = Key.secretBytes(Key.generate())
const paymentHash = Bolt11.PaymentHash.make("ab".repeat(32))
const amount = Msat.make(10_000)

const draft: Bolt11.Draft = {
  network: "regtest",
  amount: Option.some(amount),
  createdAt: now,
  expirySeconds: 600,
  paymentHash,
  paymentSecret: "cd".repeat(32),
  description: "one thought",
  minFinalCltvDelta: 18
}

const context: InvoiceGate.Context = {
  network: "regtest",
  price: Option.some(amount),
  cap: Msat.make(50_000),
  way: "upfront",
  ownHash: Option.none(),
  leastLock: 720
}

const escrow: Partial<InvoiceGate.Context> = {
  way: "escrow",
  ownHash: Option.some(paymentHash)
}

interface Case {
  readonly invoice?: Partial<Bolt11.Draft>
  readonly message?: Partial<QuotedInvoice>
  readonly context?: Partial<InvoiceGate.Context>
  readonly now?: number
}

/** A real signed invoice, and the message that carries it, judged. */
const judge = (change: Case) => {
  const bolt11 = Bolt11.encode({ ...draft, ...change.invoice }, node)
  const quoted: QuotedInvoice = {
    _tag: "Quoted",
    rail: "lightning",
    jobName: "job",
    bolt11,
    amount: Option.getOrElse(change.invoice?.amount ?? draft.amount, () => amount),
    paymentHash: change.invoice?.paymentHash ?? paymentHash,
    settlement: "upfront",
    hold: false,
    expiresAt: undefined,
    ...change.message
  }
  return InvoiceGate.check(quoted, { ...context, ...change.context }, change.now ?? now)
}

const rejected: ReadonlyArray<readonly [why: string, fault: InvoiceFault, change: Case]> = [
  ["is no invoice", "undecodable", { message: { bolt11: "lnbcrt1nonsense" } }],
  [
    "has a signature that is not its own",
    "undecodable",
    {
      message: {
        bolt11: Bolt11.encode(draft, node).replace(/.$/, (last) => (last === "q" ? "p" : "q"))
      }
    }
  ],
  ["is for another network", "wrong_network", { invoice: { network: "mainnet" } }],
  [
    "wants a settlement nobody asked for",
    "settlement_not_asked",
    { message: { settlement: "escrow" } }
  ],
  ["could hold the money", "hold_in_upfront", { message: { hold: true } }],
  [
    "wants to be paid before it delivers, where an escrow was asked for",
    "downgraded",
    { context: escrow }
  ],
  [
    "wants to be paid before it delivers, where a sealed result was asked for",
    "downgraded",
    { context: { way: "sealed" } }
  ],
  [
    "does not hold the money of an escrow",
    "no_hold",
    { context: escrow, message: { settlement: "escrow" } }
  ],
  [
    "does not hold the money for a sealed result",
    "no_hold",
    { context: { way: "sealed" }, message: { settlement: "sealed" } }
  ],
  [
    "can be taken with somebody else's preimage",
    "hash_not_ours",
    {
      context: { ...escrow, ownHash: Option.some(Bolt11.PaymentHash.make("cd".repeat(32))) },
      message: { settlement: "escrow", hold: true }
    }
  ],
  [
    "would give the money back before the job's time is up",
    "lock_too_short",
    {
      context: escrow,
      message: { settlement: "escrow", hold: true },
      invoice: { minFinalCltvDelta: 1 }
    }
  ],
  ["has no amount", "no_amount", { invoice: { amount: Option.none() } }],
  [
    "is over more than its message says",
    "amount_mismatch",
    { message: { amount: Msat.make(9_999) } }
  ],
  [
    "is over less than its message says",
    "amount_mismatch",
    { message: { amount: Msat.make(10_001) } }
  ],
  [
    "is over more than was announced",
    "above_price",
    { context: { price: Option.some(Msat.make(9_999)) } }
  ],
  ["is over more than the caller pays", "above_budget", { context: { cap: Msat.make(9_999) } }],
  [
    "is over more than the caller pays, at an unknown price",
    "above_budget",
    { context: { cap: Msat.make(9_999), price: Option.none() } }
  ],
  [
    "has another hash than its message",
    "hash_mismatch",
    { message: { paymentHash: Bolt11.PaymentHash.make("ef".repeat(32)) } }
  ],
  ["has expired", "expired", { now: now + 600 }],
  ["has expired as its message says", "expired", { message: { expiresAt: now } }],
  ["is about to expire", "expires_too_soon", { now: now + 600 - InvoiceGate.minSecondsLeft + 1 }],
  [
    "is about to expire as its message says",
    "expires_too_soon",
    { message: { expiresAt: now + 5 } }
  ],
  ["could bind the money for too long", "cltv_too_long", { invoice: { minFinalCltvDelta: 145 } }]
]

const accepted: ReadonlyArray<readonly [what: string, change: Case]> = [
  ["exactly what was asked for", {}],
  ["less than was announced", { context: { price: Option.some(Msat.make(10_001)) } }],
  ["an unknown price within the budget", { context: { price: Option.none() } }],
  ["the whole budget", { context: { cap: amount, price: Option.none() } }],
  ["a message without a hash", { message: { paymentHash: undefined } }],
  ["just enough time", { now: now + 600 - InvoiceGate.minSecondsLeft }],
  ["just enough blocks", { invoice: { minFinalCltvDelta: 144 } }],
  [
    "a hold invoice where one was asked for",
    {
      message: { hold: true, settlement: "escrow" },
      context: escrow
    }
  ]
]

describe("an invoice is rejected if it", () => {
  it.each(rejected)("%s", (_, reason, change) => {
    const result = judge(change)
    assert.strictEqual(Result.isFailure(result) ? result.failure.reason : "accepted", reason)
  })
})

describe("an invoice passes with", () => {
  it.each(accepted)("%s", (_, change) => {
    assert.isTrue(Result.isSuccess(judge(change)))
  })
})
