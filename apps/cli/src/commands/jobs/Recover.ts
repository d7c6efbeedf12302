/** `farthing jobs recover`: looks up what is unknown and collects what came late. */
import { ComputeClient } from "@farthing/compute"
import { Effect, Exit } from "effect"
import { Command } from "effect/cli"
import * as JobTelling from "../../JobTelling.ts"
import { Output } from "../../Output.ts"

const every = Effect.flatMap(ComputeClient.ComputeClient, (client) =>
  client.jobs({ limit: Number.MAX_SAFE_INTEGER })
)

/** The jobs that stand elsewhere than before. */
const movedSince = (before: ReadonlyArray<ComputeClient.Job>) => {
  const states = new Map(before.map(({ request, state }) => [request, state]))
  return Effect.map(every, (now) =>
    now.filter(({ request, state }) => states.get(request) !== state)
  )
}

/** Nobody but the wallet that was told to pay can say whether it did. */
const tellOfUnknown = Effect.fnUntraced(function* (jobs: ReadonlyArray<ComputeClient.Job>) {
  const output = yield* Output
  const { length } = jobs.filter(({ state }) => state === "paying" || state === "unknown")
  if (length > 0)
    yield* output.note(
      `${length} ${length === 1 ? "payment is" : "payments are"} still unknown: only the wallet that was told to pay can tell`
    )
})

export const run = Effect.fnUntraced(function* () {
  const output = yield* Output
  const client = yield* ComputeClient.ComputeClient
  const before = yield* every
  yield* output.progress("looking up what is unknown and waiting for late results …")
  const recovered = yield* Effect.exit(client.recover)
  // What hangs on a wallet that is missing does not take away what was collected without it.
  const jobs = Exit.isSuccess(recovered)
    ? recovered.value.map(({ job }) => job)
    : yield* movedSince(before)
  if (output.json) yield* output.value(jobs.map(JobTelling.fields))
  else for (const line of JobTelling.lines(jobs)) yield* output.line(line)
  yield* recovered
  if (jobs.length === 0) yield* output.note("nothing was left open")
  yield* tellOfUnknown(jobs)
})

export const command = Command.make("recover", {}, run).pipe(
  Command.withDescription("Look up unknown payments and collect late results and refunds")
)
