import { assert, describe, it } from "@effect/vitest"
import { Msat } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import { Effect, Option } from "effect"
import * as Audit from "../src/Audit.ts"
import type { SpendRecord } from "../src/Spend.ts"
import { sats } from "./Fixture.ts"
import { ledgerOf, migrated, order, preimageOf, proofOf, rules, walletId } from "./Orders.ts"

const { paymentHash } = order("a").request

/** What the wallet lists: 100 sats for 1 sat, and settled. */
const listed = (rest: Partial<Wallet.Outgoing> = {}): Wallet.Outgoing => ({
  paymentHash,
  bolt11: "",
  amount: sats(100),
  state: "settled",
  fee: Option.some(sats(1)),
  preimage: Option.some(preimageOf("a")),
  createdAt: 0,
  settledAt: Option.some(0),
  ...rest
})

const pending = (rest: Partial<Wallet.Outgoing> = {}) =>
  listed({ state: "pending", preimage: Option.none(), settledAt: Option.none(), ...rest })

/** A ledger with one spend of 100 sats and at most 10 of fee, in a state. */
const booksIn = Effect.fnUntraced(function* (state: SpendRecord["state"] | "released") {
  const ledger = yield* ledgerOf("owner")
  const isLock = state === "held" || state === "released"
  const spend = yield* ledger.reserve(order("a", { isLock }), rules())
  if (isLock) yield* ledger.hold(paymentHash, "")
  if (state === "released") yield* ledger.release(paymentHash, preimageOf("a"))
  if (state === "settled") yield* ledger.settle(paymentHash, proofOf("a", sats(1)))
  if (state === "failed") yield* ledger.fail(spend, "")
  if (state === "unknown") yield* ledger.leaveUnknown(spend, "")
  return yield* ledger.everything
})

const audited = (
  books: Audit.Books,
  outgoing: ReadonlyArray<Wallet.Outgoing>,
  { id = walletId, since = 0 } = {}
) => {
  const report = Audit.ofBooksAndWallet({ before: books, after: books }, { id, outgoing, since })
  return {
    kinds: report.findings.map(({ kind }) => kind),
    unexplained: report.unexplained,
    otherWallets: report.otherWallets
  }
}

const clean = { kinds: [], unexplained: Msat.zero, otherWallets: 0 }

describe("the audit of what a wallet says it did", () => {
  const cases: ReadonlyArray<
    readonly [
      promise: string,
      state: SpendRecord["state"] | "released",
      outgoing: ReadonlyArray<Wallet.Outgoing>,
      kinds: ReadonlyArray<Audit.Finding["kind"]>,
      unexplained: Msat.Msat
    ]
  > = [
    ["agrees on what was paid", "settled", [listed()], [], Msat.zero],
    ["needs no fee", "settled", [listed({ fee: Option.none() })], [], Msat.zero],
    [
      "minds failed attempts not",
      "settled",
      [listed({ state: "failed" }), listed(), listed({ state: "failed" })],
      [],
      Msat.zero
    ],
    ["finds what the wallet lacks", "settled", [], ["wallet_differs"], sats(101)],
    [
      "finds what the wallet says has failed",
      "settled",
      [listed({ state: "failed" })],
      ["wallet_differs"],
      sats(101)
    ],
    [
      "finds a larger fee",
      "settled",
      [listed({ fee: Option.some(sats(3)) })],
      ["wallet_differs"],
      sats(2)
    ],
    [
      "finds a smaller fee",
      "settled",
      [listed({ fee: Option.some(Msat.zero) })],
      ["wallet_differs"],
      sats(1)
    ],
    [
      "finds another amount",
      "settled",
      [listed({ amount: sats(40) })],
      ["wallet_differs"],
      sats(60)
    ],
    [
      "bears a fee that cannot be",
      "settled",
      [listed({ fee: Option.some(Msat.most) })],
      ["wallet_differs"],
      Msat.subtract(Msat.most, sats(101))
    ],
    ["finds what was paid twice", "settled", [listed(), listed()], ["paid_twice"], sats(101)],
    ["finds what was paid although it failed", "failed", [listed()], ["wallet_differs"], sats(101)],
    [
      "finds what is under way although it failed",
      "failed",
      [listed({ state: "pending", fee: Option.none() })],
      ["wallet_differs"],
      sats(100)
    ],
    ["agrees on what failed", "failed", [listed({ state: "failed" })], [], Msat.zero],
    ["lets the hold explain what is open", "unknown", [listed()], [], Msat.zero],
    ["lets what is open be missing", "submitted", [], [], Msat.zero],
    [
      "finds what takes more than is held",
      "unknown",
      [listed({ fee: Option.some(sats(15)) })],
      ["wallet_differs"],
      sats(5)
    ],
    ["agrees on what is locked", "held", [pending()], [], Msat.zero],
    ["agrees on what is released", "released", [pending()], [], Msat.zero],
    ["lets the end of a lock be news", "released", [listed()], [], Msat.zero],
    ["lets a lock be back", "released", [listed({ state: "failed" })], [], Msat.zero],
    [
      "finds a lock of more than is held",
      "held",
      [pending({ amount: sats(120) })],
      ["wallet_differs"],
      sats(11)
    ],
    [
      "finds what was released and cost more",
      "released",
      [pending({ amount: sats(120) })],
      ["wallet_differs"],
      sats(11)
    ],
    [
      "finds strangers",
      "settled",
      [listed(), listed({ paymentHash: order("b").request.paymentHash })],
      ["outside_treasury"],
      sats(101)
    ]
  ]
  for (const [promise, state, outgoing, kinds, unexplained] of cases) {
    it.effect(promise, () =>
      Effect.gen(function* () {
        const books = yield* booksIn(state)
        assert.deepStrictEqual(audited(books, outgoing), { ...clean, kinds, unexplained })
      }).pipe(Effect.provide(migrated))
    )
  }

  it.effect("counts both directions: too much here does not make up for too little there", () =>
    Effect.gen(function* () {
      const books = yield* booksIn("settled")
      const stranger = listed({ paymentHash: order("b").request.paymentHash })
      assert.deepStrictEqual(audited(books, [stranger]), {
        kinds: ["outside_treasury", "wallet_differs"],
        unexplained: sats(202),
        otherWallets: 0
      })
    }).pipe(Effect.provide(migrated))
  )

  it.effect("compares nothing with another wallet, and says how many there are", () =>
    Effect.gen(function* () {
      const books = yield* booksIn("settled")
      const id = Wallet.WalletId.make("another wallet")
      assert.deepStrictEqual(audited(books, [], { id }), { ...clean, otherWallets: 1 })
    }).pipe(Effect.provide(migrated))
  )

  it.effect("minds nothing that the wallet did before the ledger began", () =>
    Effect.gen(function* () {
      const books = yield* booksIn("settled")
      const stranger = listed({ paymentHash: order("b").request.paymentHash, createdAt: 99 })
      assert.deepStrictEqual(audited(books, [listed(), stranger], { since: 100 }), clean)
    }).pipe(Effect.provide(migrated))
  )

  it.effect("what settles while the wallet is asked is none of its answer", () =>
    Effect.gen(function* () {
      const after = yield* booksIn("settled")
      const before = { ...after, spends: [] }
      const statement = { id: walletId, outgoing: [], since: 0 }
      assert.deepStrictEqual(Audit.ofBooksAndWallet({ before, after }, statement).findings, [])
    }).pipe(Effect.provide(migrated))
  )
})
