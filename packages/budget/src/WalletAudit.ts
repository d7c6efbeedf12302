/** The ledger against what the wallet says it did. Pure. */
import { Msat } from "@farthing/protocol"
import type { Bolt11 } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import { Option } from "effect"
import type { Books, Finding } from "./Audit.ts"
import { costOf, holdOf } from "./Spend.ts"
import type { SpendRecord } from "./Spend.ts"

/** Whether another wallet made the payment, so that this one can say nothing of it. */
export const isForeign = ({ wallet }: SpendRecord, id: Wallet.WalletId): boolean =>
  wallet !== undefined && wallet !== id

/** What a wallet says of itself. */
export interface Statement {
  readonly id: Wallet.WalletId
  readonly outgoing: ReadonlyArray<Wallet.Outgoing>
  /** Unix seconds: what it did earlier is none of the ledger's business. */
  readonly since: number
}

export const compare = (
  { after, before }: { readonly before: Books; readonly after: Books },
  { id, outgoing, since }: Statement
): ReadonlyArray<Finding> => {
  const booked = new Map(after.spends.map((spend) => [spend.paymentHash, spend]))
  const told = Map.groupBy(outgoing, ({ paymentHash }) => paymentHash)
  return [
    ...[...told.values()].flatMap((payments) => twice(booked, payments)),
    ...[...told].flatMap(([paymentHash, payments]) => {
      const payment = lastOf(payments)
      const spend = booked.get(paymentHash)
      if (payment === undefined || after.elsewhere.has(paymentHash)) return []
      if (spend !== undefined) return differences(spend, payment)
      return payment.createdAt < since ? [] : outside(payment)
    }),
    // What was settled while the wallet was asked may be missing from its answer.
    ...before.spends
      .filter(({ state, wallet }) => state === "settled" && wallet === id)
      .filter(({ paymentHash }) => !told.has(paymentHash))
      .map((spend) =>
        differs(spend, costOf(spend), "is settled here, but the wallet has none of it")
      )
  ]
}

/** A wallet may list its failed attempts beside the one that settled. */
const lastOf = (payments: ReadonlyArray<Wallet.Outgoing>): Wallet.Outgoing | undefined =>
  payments.find(({ state }) => state === "settled") ??
  payments.find(({ state }) => state === "pending") ??
  payments[0]

const twice = (
  booked: ReadonlyMap<Bolt11.PaymentHash, SpendRecord>,
  payments: ReadonlyArray<Wallet.Outgoing>
): ReadonlyArray<Finding> => {
  const [first, ...more] = payments.filter(({ state }) => state === "settled")
  if (first === undefined || more.length === 0) return []
  const { paymentHash } = first
  const whose = booked.has(paymentHash) ? "" : " that the ledger knows nothing of"
  return [
    {
      kind: "paid_twice",
      paymentHash,
      unexplained: Msat.sum(more.map(takenBy)),
      message: `The wallet says that it made payment ${paymentHash}${whose} ${more.length + 1} times.`
    }
  ]
}

const outside = (payment: Wallet.Outgoing): ReadonlyArray<Finding> => {
  const { amount, paymentHash, state } = payment
  const message = `The wallet paid ${amount} msat for ${paymentHash} (${state}), which the ledger knows nothing of.`
  return state === "failed"
    ? []
    : [{ kind: "outside_treasury", paymentHash, unexplained: takenBy(payment), message }]
}

const differences = (spend: SpendRecord, payment: Wallet.Outgoing): ReadonlyArray<Finding> => {
  switch (spend.state) {
    case "settled":
      return payment.state === "settled"
        ? amountsOf(spend, payment)
        : [differs(spend, costOf(spend), `is settled here, but the wallet says ${payment.state}`)]
    case "failed":
      return payment.state === "failed"
        ? []
        : [
            differs(
              spend,
              takenBy(payment),
              `has failed here, but the wallet says ${payment.state}`
            )
          ]
    case "intended":
    case "submitted":
    case "held":
    case "unknown":
      return payment.state === "failed" ? [] : unheld(spend, payment)
  }
}

const amountsOf = (spend: SpendRecord, payment: Wallet.Outgoing): ReadonlyArray<Finding> => {
  if (spend.amount !== payment.amount) {
    return [
      differs(
        spend,
        distance(spend.amount, payment.amount),
        `is ${spend.amount} msat here, but the wallet says ${payment.amount}`
      )
    ]
  }
  const taken = takenBy(payment)
  return Option.isNone(payment.fee) || taken === costOf(spend)
    ? []
    : [
        differs(
          spend,
          distance(costOf(spend), taken),
          `is booked with ${costOf(spend)} msat, but the wallet took ${taken}`
        )
      ]
}

/** What is under way may cost what is held for it. */
const unheld = (spend: SpendRecord, payment: Wallet.Outgoing): ReadonlyArray<Finding> => {
  const taken = takenBy(payment)
  const hold = holdOf(spend)
  return taken <= hold
    ? []
    : [
        differs(
          spend,
          distance(taken, hold),
          `holds ${hold} msat here, but the wallet says that it took ${taken}`
        )
      ]
}

/** A wallet may claim more than there is. */
const takenBy = ({ amount, fee }: Wallet.Outgoing): Msat.Msat =>
  Msat.add(
    amount,
    Msat.min(
      Option.getOrElse(fee, () => Msat.zero),
      Msat.left(Msat.most, amount)
    )
  )

const distance = (a: Msat.Msat, b: Msat.Msat): Msat.Msat => Msat.make(Math.abs(a - b))

const differs = (
  { paymentHash }: SpendRecord,
  unexplained: Msat.Msat,
  message: string
): Finding => ({
  kind: "wallet_differs",
  paymentHash,
  unexplained,
  message: `Payment ${paymentHash} ${message}.`
})
