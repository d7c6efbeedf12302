/** `farthing budget audit`: is the ledger whole, and does the wallet tell the same story? */
import { Treasury } from "@farthing/budget"
import { Text } from "@farthing/protocol"
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Market from "../../Market.ts"
import { Output } from "../../Output.ts"
import * as Show from "../../Show.ts"
import { Unwell } from "../../Unwell.ts"

const fields = (report: Treasury.AuditReport) => ({
  clean: report.findings.length === 0,
  spends: report.spends,
  entries: report.entries,
  spent_msats: report.spent,
  held_msats: report.held,
  unexplained_msats: report.unexplained,
  other_wallets: report.otherWallets,
  findings: report.findings.map(({ kind, message, paymentHash, unexplained }) => ({
    kind,
    payment_hash: paymentHash ?? null,
    unexplained_msats: unexplained,
    message
  }))
})

const facts = (report: Treasury.AuditReport): ReadonlyArray<string> => [
  `spends       ${report.spends}`,
  `entries      ${report.entries}`,
  `spent        ${Show.costInFull(report.spent)}`,
  `held         ${Show.costInFull(report.held)}`,
  `unexplained  ${Show.msats(report.unexplained)}`,
  ...(report.otherWallets === 0
    ? []
    : [`not compared ${report.otherWallets} (paid with another wallet)`]),
  ...report.findings.map(({ kind, message }) => `✗ ${kind}: ${Text.printable(message)}`),
  ...(report.findings.length === 0 ? ["✓ the ledger is whole, and the wallet agrees"] : [])
]

const verdict = ({ findings: { length } }: Treasury.AuditReport): string =>
  `${length} ${length === 1 ? "finding" : "findings"}: look at each before more is spent`

export const command = Command.make(
  "audit",
  {},
  Effect.fnUntraced(function* () {
    const output = yield* Output
    const treasury = yield* Treasury.Treasury
    yield* output.progress("asking the wallet for its payments …")
    const report = yield* treasury.audit
    if (output.json) yield* output.value(fields(report))
    else for (const line of facts(report)) yield* output.line(line)
    if (report.findings.length > 0) return yield* new Unwell({ message: verdict(report) })
  })
).pipe(
  Command.withDescription("Derive every total again and compare with the wallet's own list"),
  Command.provide(Market.bookkeeper)
)
