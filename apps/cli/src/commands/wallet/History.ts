/** `farthing wallet history`: what came in and went out, as the wallet itself tells it. */
import type { Msat } from "@farthing/protocol"
import { Text } from "@farthing/protocol"
import { Wallet } from "@farthing/wallet"
import { Effect, Option } from "effect"
import { Command } from "effect/cli"
import { limit } from "../../Options.ts"
import { Output } from "../../Output.ts"
import * as Readiness from "../../Readiness.ts"
import * as Show from "../../Show.ts"

interface Movement {
  readonly direction: "in" | "out"
  /** Unix seconds. */
  readonly at: number
  readonly amount: Msat.Msat
  /** None where the wallet does not say it, and for what comes in. */
  readonly fee: Option.Option<Msat.Msat>
  readonly state: string
  /** Undefined for what moved without an invoice. */
  readonly paymentHash: string | undefined
  readonly id: string
}

const received = (it: Wallet.Incoming): Movement => ({
  ...it,
  direction: "in",
  at: it.createdAt,
  fee: Option.none(),
  id: it.paymentHash
})

const paid = (it: Wallet.Outgoing): Movement => ({
  ...it,
  direction: "out",
  at: it.createdAt,
  id: it.paymentHash
})

const transferred = (it: Wallet.Transfer): Movement => ({
  ...it,
  at: it.createdAt,
  fee: Option.none(),
  state: "transferred",
  paymentHash: undefined
})

/** Newest first. */
const movements = (all: Wallet.Transactions): ReadonlyArray<Movement> =>
  [
    ...all.incoming.map(received),
    ...all.outgoing.map(paid),
    ...all.transfers.map(transferred)
  ].toSorted((a, b) => b.at - a.at)

const columns = ["TIME (UTC)", "WAY", "AMOUNT", "FEE", "STATE", "PAYMENT HASH OR ID"]

const row = (it: Movement): ReadonlyArray<string> => [
  Show.time(it.at),
  it.direction,
  it.direction === "in" ? Show.balance(it.amount) : Show.cost(it.amount),
  Option.match(it.fee, { onNone: () => "", onSome: Show.cost }),
  it.state,
  Text.printable(it.id)
]

const fields = (it: Movement) => ({
  direction: it.direction,
  amount_msats: it.amount,
  fee_msats: Option.getOrNull(it.fee),
  state: it.state,
  payment_hash: it.paymentHash ?? null,
  id: it.id,
  created_at: it.at
})

export const command = Command.make(
  "history",
  { limit },
  Effect.fnUntraced(function* ({ limit }) {
    const output = yield* Output
    const wallet = yield* Wallet.Wallet
    const all = movements(yield* Readiness.ofWallet(wallet.transactions({ limit })))
    const newest = all.slice(0, limit)
    if (output.json) return yield* output.value(newest.map(fields))
    if (newest.length === 0) return yield* output.note("nothing moved yet")
    yield* output.table(columns, newest.map(row))
  })
).pipe(Command.withDescription("List what came in and went out"))
