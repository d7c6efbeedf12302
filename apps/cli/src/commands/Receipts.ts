/** `farthing receipts`: what was bought, and the proof that it was paid. */
import { ComputeClient } from "@farthing/compute"
import { Text } from "@farthing/protocol"
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Market from "../Market.ts"
import { limit } from "../Options.ts"
import { Output } from "../Output.ts"
import * as Show from "../Show.ts"
import * as Table from "../Table.ts"
import { receiptFields } from "../Telling.ts"

export const command = Command.make(
  "receipts",
  { limit },
  Effect.fnUntraced(function* ({ limit }) {
    const output = yield* Output
    const client = yield* ComputeClient.ComputeClient
    const receipts = yield* client.receipts({ limit })
    if (output.json) return yield* output.value(receipts.map(receiptFields))
    if (receipts.length === 0) return yield* output.note("nothing was bought yet")
    const rows = receipts.map((receipt) => [
      Show.time(receipt.finishedAt),
      Show.who(receipt.providerName, receipt.provider),
      Show.cost(receipt.cost),
      Show.cost(receipt.fee),
      receipt.preimage,
      Text.printable(receipt.text, 40)
    ])
    const columns = ["TIME (UTC)", "PROVIDER", "COST", "FEE", "PREIMAGE", "RESULT"]
    for (const line of Table.render(columns, rows)) yield* output.line(line)
  })
).pipe(
  Command.withDescription("List what was bought, with the proof of payment"),
  Command.provide(Market.onlooker)
)
