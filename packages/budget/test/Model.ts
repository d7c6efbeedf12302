/**
 * The ledger written down as simply as can be: a list of spends, added up anew for each question.
 * Amounts are sats, times are hours.
 */
import type { SpendOutcome } from "../src/Spend.ts"

export interface Spend {
  readonly payee: number
  readonly tick: string
  readonly day: number
  readonly unproven: boolean
  readonly amount: number
  readonly allowedFee: number
  readonly isLock: boolean
  state: "open" | "held" | "released" | "settled" | "failed"
  fee: number | undefined
  outcome: SpendOutcome | undefined
}

export const limits = {
  daily: 120,
  perTick: 150,
  perProviderDaily: 90,
  firstSpend: 40,
  unprovenDaily: 60,
  unresolved: 80,
  lifetime: 400
}

const cost = (spend: Spend): number => spend.amount + (spend.fee ?? spend.allowedFee)

const spentOn = (spend: Spend): number =>
  spend.state === "settled" || spend.state === "released" ? cost(spend) : 0

const heldFor = (spend: Spend): number =>
  spend.state === "open" || spend.state === "held" ? spend.amount + spend.allowedFee : 0

export const make = () => {
  const spends: Array<Spend> = []
  let day = 0
  let frozen = false

  const sum = (of: (spend: Spend) => number, which: (spend: Spend) => boolean = () => true) =>
    spends.filter(which).reduce((total, spend) => total + of(spend), 0)

  const used = (which?: (spend: Spend) => boolean) => sum(spentOn, which) + sum(heldFor, which)

  return {
    spends,
    spent: () => sum(spentOn),
    held: () => sum(heldFor),

    /** Whether it was allowed. */
    reserve: (
      hours: number,
      wish: Pick<Spend, "payee" | "tick" | "amount" | "allowedFee" | "isLock">
    ): boolean => {
      const now = Math.max(day, Math.floor(hours / 24))
      const asked = wish.amount + wish.allowedFee
      const isToday = (spend: Spend) => spend.day === now
      const isTheirs = (spend: Spend) => spend.payee === wish.payee
      const delivered = sum(spentOn, (spend) => isTheirs(spend) && spend.outcome === "delivered")
      const allowed =
        !frozen &&
        used() + asked <= limits.lifetime &&
        used(isToday) + asked <= limits.daily &&
        used((spend) => spend.tick === wish.tick) + asked <= limits.perTick &&
        used((spend) => isToday(spend) && isTheirs(spend)) + asked <= limits.perProviderDaily &&
        used(isTheirs) + asked <= Math.max(limits.firstSpend, 2 * delivered) &&
        (delivered > 0 ||
          used((spend) => isToday(spend) && spend.unproven) + asked <= limits.unprovenDaily) &&
        sum(heldFor) + asked <= limits.unresolved
      if (!allowed) return false
      day = now
      spends.push({
        ...wish,
        day,
        unproven: delivered === 0,
        state: "open",
        fee: undefined,
        outcome: undefined
      })
      return true
    },

    settle: (spend: Spend, fee: number | undefined): void => {
      // What was believed to have failed makes somebody look.
      if (spend.state === "failed") frozen = true
      spend.state = "settled"
      spend.fee ??= fee
    },

    fail: (spend: Spend): void => {
      if (spend.state !== "settled") spend.state = "failed"
    },

    hold: (spend: Spend): void => {
      if (spend.state === "open") spend.state = "held"
    },

    /** Whether the preimage may go out. */
    release: (spend: Spend): boolean => {
      if (spend.state === "held") spend.state = "released"
      return spend.state === "released" || spend.state === "settled"
    },

    conclude: (spend: Spend, outcome: SpendOutcome): void => {
      if (spend.outcome === undefined || spend.outcome === "lost") spend.outcome = outcome
    },

    freeze: (on: boolean): void => {
      frozen = on
    }
  }
}
