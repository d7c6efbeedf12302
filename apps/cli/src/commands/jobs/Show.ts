/** `farthing jobs show <id>`: everything that is known of one job. */
import { Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Array as Arr, Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import * as JobDetail from "../../JobDetail.ts"
import { Output } from "../../Output.ts"
import { UsageError } from "../../UsageError.ts"

const id = Argument.String("id").pipe(
  Argument.withDescription("The beginning of a request's id, or the id of a purchase")
)

/** The jobs of a purchase, the first attempt first. */
const ofPurchase = Effect.fnUntraced(function* (purchase: string) {
  const client = yield* ComputeClient.ComputeClient
  const jobs = yield* client.jobs({ limit: Number.MAX_SAFE_INTEGER })
  const attempts = jobs.filter((job) => job.purchase === purchase).toReversed()
  return yield* Effect.forEach(attempts, ({ request }) => client.findJob(request))
})

const find = Effect.fnUntraced(function* (id: string) {
  const client = yield* ComputeClient.ComputeClient
  const job = yield* client.findJob(id)
  const found = Arr.getSomes(Option.isSome(job) ? [job] : yield* ofPurchase(id))
  return Arr.isArrayNonEmpty(found)
    ? found
    : yield* new UsageError({
        message: `no job's id begins with ${JSON.stringify(id)}, or more than one does: see \`farthing jobs --json\``
      })
})

export const command = Command.make(
  "show",
  { id },
  Effect.fnUntraced(function* ({ id }) {
    const output = yield* Output
    const treasury = yield* Treasury.Treasury
    const jobs = yield* find(id.trim())
    const entries = yield* treasury.history(jobs[0].job.purchase)
    for (const [index, job] of jobs.entries()) {
      if (output.json) yield* output.value(JobDetail.fields(job, entries))
      else
        for (const line of [...(index > 0 ? [""] : []), ...JobDetail.lines(job, entries)])
          yield* output.line(line)
    }
  })
).pipe(Command.withDescription("Show everything that is known of a job"))
