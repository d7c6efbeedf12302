/** `farthing jobs`: every request that was sent and what became of it. */
import { ComputeClient } from "@farthing/compute"
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as JobTelling from "../JobTelling.ts"
import * as Market from "../Market.ts"
import { limit } from "../Options.ts"
import { Output } from "../Output.ts"
import * as Check from "./jobs/Check.ts"
import * as Recover from "./jobs/Recover.ts"
import * as ShowJob from "./jobs/Show.ts"

export const command = Command.make(
  "jobs",
  { limit },
  Effect.fnUntraced(function* ({ limit }) {
    const output = yield* Output
    const client = yield* ComputeClient.ComputeClient
    const jobs = yield* client.jobs({ limit })
    if (output.json) return yield* output.value(jobs.map(JobTelling.fields))
    if (jobs.length === 0) return yield* output.note("no job was asked for yet")
    for (const line of JobTelling.lines(jobs)) yield* output.line(line)
  })
).pipe(
  Command.withDescription("List the jobs that were asked for and what became of them"),
  Command.provide(Market.onlooker),
  Command.withSubcommands([
    Command.provide(ShowJob.command, Market.onlooker),
    Command.provide(Recover.command, Market.onlooker),
    Check.command
  ])
)
