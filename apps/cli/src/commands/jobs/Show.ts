/** `farthing jobs show <id>`: everything that is known of one job. */
import { Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Array as Arr, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import * as Evidence from "../../Evidence.ts"
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

const evidence = Flag.Boolean("evidence").pipe(
  Flag.withDescription("Write what proves to anybody what the provider sealed, as JSON"),
  Flag.withDefault(false)
)

const tell = Effect.fnUntraced(function* (
  jobs: Arr.NonEmptyReadonlyArray<ComputeClient.JobDetail>
) {
  const output = yield* Output
  const treasury = yield* Treasury.Treasury
  const entries = yield* treasury.history(jobs[0].job.purchase)
  for (const [index, job] of jobs.entries()) {
    const sealed = Option.getOrUndefined(yield* Evidence.of(job))
    if (output.json) yield* output.value(JobDetail.fields(job, entries, sealed))
    else
      for (const line of [...(index > 0 ? [""] : []), ...JobDetail.lines(job, entries, sealed)])
        yield* output.line(line)
  }
})

const writeEvidence = Effect.fnUntraced(function* (
  jobs: Arr.NonEmptyReadonlyArray<ComputeClient.JobDetail>
) {
  const output = yield* Output
  const found = Arr.getSomes(yield* Effect.forEach(jobs, Evidence.of))
  if (found.length === 0)
    return yield* new UsageError({ message: "nothing of this job came under seal" })
  for (const one of found) yield* output.value(one)
})

export const command = Command.make(
  "show",
  { id, evidence },
  Effect.fnUntraced(function* ({ evidence, id }) {
    const jobs = yield* find(id.trim())
    yield* evidence ? writeEvidence(jobs) : tell(jobs)
  })
).pipe(Command.withDescription("Show everything that is known of a job"))
