/**
 * How long locked money may be relied on, and whether a lock is what was quoted. Pure.
 *
 * All times are unix seconds, and those of the wallet's clock are taken for ours: what is left
 * between the deadlines is minutes.
 */
import { Bolt11, Settlement } from "@farthing/protocol"
import { Blocks, type Wallet } from "@farthing/wallet"
import { Option, Result } from "effect"
import type { Job } from "./Job.ts"

/** A lock that nobody released is given back so many seconds before it ends by itself. */
export const givenBack = 60

/** An invoice that nobody paid is given up so many seconds after it has expired. */
export const expiredFor = 60

type Held = Pick<Wallet.Incoming, "amount" | "bolt11" | "createdAt" | "heldUntil">

/** Until when the money is locked; where the wallet does not say, the least that it can be. */
export const endOf = ({ bolt11, createdAt, heldUntil }: Held): number =>
  Option.getOrElse(heldUntil, () =>
    Result.match(Bolt11.decode(bolt11), {
      onFailure: () => createdAt,
      onSuccess: ({ minFinalCltvDelta }) => createdAt + minFinalCltvDelta * Blocks.seconds
    })
  )

/** Why the work for an escrow is not begun; undefined if it is. `jobTimeout` in seconds. */
export const objectionTo = (
  held: Held,
  terms: { readonly amount: Job["amount"]; readonly now: number; readonly jobTimeout: number }
): string | undefined => {
  const { amount, jobTimeout, now } = terms
  if (held.amount < amount) return `${held.amount} msats are locked, and ${amount} were asked for`
  const life = endOf(held) - now
  const needed = jobTimeout + Settlement.lockMargin
  return life < needed
    ? `the money is locked for ${Math.max(0, life)} seconds, and ${needed} are needed`
    : undefined
}

/**
 * When everything has to be said: while the customer still releases, or can still pay; who has
 * released already waits for it to the end. Undefined where the money was paid upfront.
 */
export const mustBeSaidBy = ({
  heldUntil = 0,
  invoiceExpiresAt,
  preimage,
  settlement
}: Pick<Job, "heldUntil" | "invoiceExpiresAt" | "preimage" | "settlement">): number | undefined => {
  switch (settlement) {
    case "upfront":
      return undefined
    case "escrow":
      return preimage === undefined ? heldUntil - Settlement.lastSeconds : heldUntil
    case "sealed":
      return invoiceExpiresAt
  }
}
