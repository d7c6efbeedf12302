/** `farthing receipts`: what was bought, and the proof that it was paid. */
import { ComputeClient, type Receipt } from "@farthing/compute"
import { Text } from "@farthing/protocol"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Market from "../Market.ts"
import * as Options from "../Options.ts"
import { Output } from "../Output.ts"
import * as ReceiptTable from "../ReceiptTable.ts"
import * as ReceiptTelling from "../ReceiptTelling.ts"
import * as Show from "../Show.ts"

const flags = {
  limit: Options.whole("limit", { minimum: 1, maximum: 10_000 }).pipe(
    Flag.withDescription("How many, newest first; default 20, with --export all"),
    Flag.optional
  ),
  format: Flag.Literals("export", ["csv", "json"]).pipe(
    Flag.withDescription("Write all of them for other programs"),
    Flag.optional
  ),
  since: Options.day("since").pipe(
    Flag.withDescription("Only what was bought on this day (UTC) or later"),
    Flag.optional
  ),
  until: Options.day("until").pipe(
    Flag.withDescription("Only what was bought on this day (UTC) or before"),
    Flag.optional
  )
}

type Input = Command.Command.Config.Infer<typeof flags>

const secondsOfDay = 86_400

/** Newest first; all there are, unless somebody says how many. */
const wanted = Effect.fnUntraced(function* ({ limit, since, until }: Input, most: number) {
  const client = yield* ComputeClient.ComputeClient
  const from = Option.getOrElse(since, () => 0)
  const to = Option.match(until, {
    onNone: () => Number.MAX_SAFE_INTEGER,
    onSome: (day) => day + secondsOfDay
  })
  const all = yield* client.receipts({ limit: Number.MAX_SAFE_INTEGER })
  return all
    .filter(({ finishedAt }) => finishedAt >= from && finishedAt < to)
    .slice(
      0,
      Option.getOrElse(limit, () => most)
    )
})

const toCsv = Effect.fnUntraced(function* (receipts: ReadonlyArray<Receipt.Receipt>) {
  const output = yield* Output
  yield* output.write(ReceiptTable.header)
  for (const receipt of receipts) yield* output.write(ReceiptTable.row(receipt))
})

const toJson = Effect.fnUntraced(function* (receipts: ReadonlyArray<Receipt.Receipt>) {
  const output = yield* Output
  yield* output.value(receipts.map(ReceiptTelling.fields))
})

const columns = ["TIME (UTC)", "JOB", "PROVIDER", "SETTLEMENT", "COST", "FEE", "RESULT"]

const row = (receipt: Receipt.Receipt): ReadonlyArray<string> => [
  Show.time(receipt.finishedAt),
  Show.jobId(receipt.request),
  Show.name(receipt.providerName, 16),
  receipt.settlement,
  Show.cost(receipt.cost),
  ReceiptTelling.fee(receipt),
  Text.printable(receipt.text, 80)
]

const toTable = Effect.fnUntraced(function* (receipts: ReadonlyArray<Receipt.Receipt>) {
  const output = yield* Output
  if (receipts.length === 0) yield* output.note("no receipt is here yet")
  else yield* output.table(columns, receipts.map(row))
  yield* tellOfRefunds
})

/** What was paid for in vain has no receipt. */
const tellOfRefunds = Effect.gen(function* () {
  const output = yield* Output
  const client = yield* ComputeClient.ComputeClient
  const jobs = yield* client.jobs({ limit: Number.MAX_SAFE_INTEGER })
  const { length } = jobs.filter(({ state }) => state === "refunded")
  if (length > 0)
    yield* output.note(
      `${length} ${length === 1 ? "job was" : "jobs were"} refunded: see \`farthing jobs\``
    )
})

export const command = Command.make(
  "receipts",
  flags,
  Effect.fnUntraced(function* (input) {
    const { json } = yield* Output
    const format = Option.getOrUndefined(input.format)
    const all = yield* wanted(input, format === undefined ? 20 : Number.MAX_SAFE_INTEGER)
    if (format === "csv") return yield* toCsv(all)
    return yield* format === "json" || json ? toJson(all) : toTable(all)
  })
).pipe(
  Command.withDescription("List what was bought, with the proof of payment"),
  Command.withExamples([
    {
      command: "farthing receipts --export csv --since 2026-01-01 > receipts.csv",
      description: "For a spreadsheet"
    }
  ]),
  Command.provide(Market.onlooker)
)
