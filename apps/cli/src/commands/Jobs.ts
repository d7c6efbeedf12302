/** `farthing jobs`: every request that was sent and what became of it. */
import { ComputeClient } from "@farthing/compute"
import { Text } from "@farthing/protocol"
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Market from "../Market.ts"
import { limit } from "../Options.ts"
import { Output } from "../Output.ts"
import * as Show from "../Show.ts"
import * as Table from "../Table.ts"

const columns = ["TIME (UTC)", "JOB", "PROVIDER", "STATE", "PRICE", "NOTE"]

const row = (job: ComputeClient.Job): ReadonlyArray<string> => [
  Show.time(job.requestedAt),
  Show.short(job.request),
  Show.who(job.providerName, job.provider),
  job.state,
  job.amount === undefined ? "" : Show.cost(job.amount),
  Text.printable(job.note, 60)
]

const fields = (job: ComputeClient.Job) => ({
  request_id: job.request,
  purchase_id: job.purchase,
  provider: Show.npub(job.provider),
  provider_name: job.providerName,
  settlement: job.settlement,
  state: job.state,
  amount_msats: job.amount,
  payment_hash: job.paymentHash,
  requested_at: job.requestedAt,
  note: job.note
})

const show = Effect.fnUntraced(function* (jobs: ReadonlyArray<ComputeClient.Job>, none: string) {
  const output = yield* Output
  if (output.json) return yield* output.value(jobs.map(fields))
  if (jobs.length === 0) return yield* output.note(none)
  for (const line of Table.render(columns, jobs.map(row))) yield* output.line(line)
})

const recover = Command.make(
  "recover",
  {},
  Effect.fnUntraced(function* () {
    const output = yield* Output
    const client = yield* ComputeClient.ComputeClient
    yield* output.progress("looking up what is unknown and waiting for late results …")
    const recovered = yield* client.recover
    yield* show(
      recovered.map(({ job }) => job),
      "nothing was left open"
    )
  })
).pipe(Command.withDescription("Look up unknown payments and collect late results"))

export const command = Command.make(
  "jobs",
  { limit },
  Effect.fnUntraced(function* ({ limit }) {
    const client = yield* ComputeClient.ComputeClient
    yield* show(yield* client.jobs({ limit }), "no job was asked for yet")
  })
).pipe(
  Command.withDescription("List the jobs that were asked for and what became of them"),
  Command.withSubcommands([recover]),
  Command.provide(Market.onlooker)
)
