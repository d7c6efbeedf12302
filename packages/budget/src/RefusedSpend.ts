/** What the trail says of a spend that was refused before anything was reserved. */
import { Msat } from "@farthing/protocol"
import { ApprovalRequired, BudgetExhausted, PaymentRefused } from "./TreasuryError.ts"
import type { Entry } from "./Trail.ts"

export type RefusedSpend = ApprovalRequired | BudgetExhausted | PaymentRefused

/** Whether somebody was told no, and not that something is out of order. */
export const is = (error: { readonly _tag: string }): error is RefusedSpend =>
  error instanceof ApprovalRequired ||
  error instanceof BudgetExhausted ||
  error instanceof PaymentRefused

export const inWords = (error: RefusedSpend): Pick<Entry, "what" | "note" | "refusal"> => {
  const { message: note } = error
  switch (error._tag) {
    case "ApprovalRequired": {
      const { above: most, asked } = error
      const refusal = { limit, asked, most, spent: Msat.zero, held: Msat.zero } as const
      return { what: "approval_required", note, refusal }
    }
    case "BudgetExhausted": {
      const { asked, held, limit, most, spent } = error
      return { what: "refused", note, refusal: { limit, asked, most, spent, held } }
    }
    case "PaymentRefused":
      return { what: "refused", note, refusal: undefined }
  }
}

const limit = "approval_above_sats"
