/** What the operators' books add up to; nothing is made or lost but by being issued. */
import type { Identity } from "./Identity.ts"
import type { Ledger } from "./Ledger.ts"
import * as Transfer from "./Transfer.ts"

/** In sats. */
export interface Holding {
  readonly available: number
  /** In transfers that may come back. */
  readonly locked: number
  /** Theirs, and not claimed yet. */
  readonly incoming: number
}

export interface Audit {
  /** Sats that were ever made. */
  readonly issued: number
  /** Of which the service provider's, not in leaves. */
  readonly vault: number
  readonly owners: ReadonlyMap<Identity, Holding>
  /** What is wrong, in words; empty in books that are whole. */
  readonly findings: ReadonlyArray<string>
}

export const of = (ledger: Ledger): Audit => {
  const owners = new Map<Identity, Holding>()
  for (const { owner, state, value } of ledger.leaves.all()) {
    if (state === "retired") continue
    const holding = owners.get(owner) ?? { available: 0, locked: 0, incoming: 0 }
    owners.set(owner, { ...holding, [state]: holding[state] + value })
  }
  const { issued, vault } = ledger.leaves.totals()
  return { issued, vault, owners, findings: [...sumsOf(issued, vault, owners), ...strays(ledger)] }
}

const sumsOf = (issued: number, vault: number, owners: ReadonlyMap<Identity, Holding>) => {
  let total = vault
  for (const { available, incoming, locked } of owners.values()) {
    total += available + incoming + locked
  }
  return total === issued ? [] : [`${issued} sats were issued, ${total} are there`]
}

/** A leaf is locked or incoming by one transfer in that state, and only then. */
const strays = (ledger: Ledger): ReadonlyArray<string> => {
  const expected = new Map<string, string>()
  const findings: Array<string> = []
  for (const transfer of ledger.transfers()) {
    const state = { locked: "locked", sent: "incoming", completed: "", returned: "" }[
      transfer.state
    ]
    if (state === "") continue
    for (const id of Transfer.leafIds(transfer)) {
      if (expected.has(id)) findings.push(`Leaf ${id} is in two transfers at once`)
      expected.set(id, state)
    }
  }
  for (const { id, state } of ledger.leaves.all()) {
    const isOnItsWay = state === "locked" || state === "incoming"
    if (isOnItsWay ? expected.get(id) !== state : expected.has(id)) {
      findings.push(`Leaf ${id} is ${state}, which its transfers do not say`)
    }
  }
  return findings
}
