/** What purchases over crooked wallets come to. */
import { Msat } from "@farthing/protocol"
import * as Books from "../../src/Books.ts"
import * as Deal from "../../src/Deal.ts"
import * as Stage from "../../src/Stage.ts"
import type { Aftermath } from "./Aftermath.ts"

const { price } = Deal

/** What leaves the wallet for one job. */
export const cost = Msat.make(price + Stage.fee)

/** Bought, delivered, and paid once. */
export const bought: Aftermath = {
  heard: "Receipt",
  exit: 0,
  spends: ["settled"],
  frozen: undefined,
  ...Books.paid(price)
}

/** The same, whatever its caller heard at first. */
export const settled: Partial<Aftermath> = {
  spends: ["settled"],
  frozen: undefined,
  ...Books.paid(price)
}

/** The most that may leave for a job: the price, and the fee that a payment of it may cost. */
const hold = Msat.make(price + 10_000)

/** Paid or not: as long as nobody knows, all that it may cost stays held. */
export const unknown: Omit<Aftermath, "gone"> = {
  heard: "PaymentUnknown",
  exit: 6,
  spends: ["unknown"],
  frozen: undefined,
  spent: Msat.zero,
  held: hold,
  findings: []
}

/** What was held is free again. */
export const freed: Partial<Aftermath> = {
  spends: ["failed"],
  frozen: undefined,
  ...Books.untouched
}

/** Believed to have failed, and paid: the ledger does not know, and whoever audits it does. */
export const missed: Partial<Aftermath> = {
  spends: ["failed"],
  spent: Msat.zero,
  held: Msat.zero,
  gone: cost
}
