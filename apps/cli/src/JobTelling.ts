/** How a job is told: where it stands, and what a person may wait for or do. */
import type { ComputeClient } from "@farthing/compute"
import { Text } from "@farthing/protocol"
import * as Show from "./Show.ts"
import * as Table from "./Table.ts"

/** What goes on, where the journal has no note of it. */
const meanings: Readonly<Record<ComputeClient.JobState, string>> = {
  requested: "asked for; nothing is paid",
  quoted: "has a price; nothing is paid",
  sealed: "the result is here under seal; nothing is paid",
  paying: "the payment is under way",
  locked: "the money is locked; it is taken or comes back by itself",
  released: "the result is here, and the provider may take its money",
  paid: "paid; the result is waited for",
  delivered: "",
  refused: "the provider refused",
  rejected: "the invoice must not be paid",
  unanswered: "no quote came",
  unpaid: "nothing was paid",
  unknown: "the money may have left",
  unclaimed: "the result is here, and the provider let its money come back",
  lost: "paid, and nothing came of it",
  returned: "nothing was delivered, and the money is back",
  refunding: "the money is promised back",
  refunded: "the money came back"
}

const recover = "`farthing jobs recover`"

/** What takes the job further, if it stands still. */
const waysOn: Partial<Readonly<Record<ComputeClient.JobState, string>>> = {
  sealed: `${recover} ends it`,
  paying: `${recover} looks it up`,
  locked: `${recover} takes what came late, or sees the money come back`,
  released: `${recover} sees whether it was taken`,
  unknown: `${recover} looks it up`,
  paid: `${recover} collects it`,
  lost: `${recover} collects it if it comes late`,
  refunding: `${recover} takes it`
}

/** Why it stands where it stands, and what takes it further. */
export const note = ({ note, state }: ComputeClient.Job): string =>
  [
    Text.printable(note, 120) || meanings[state],
    ...(waysOn[state] === undefined ? [] : [waysOn[state]])
  ].join("; ")

const columns = ["TIME (UTC)", "JOB", "PROVIDER", "SETTLEMENT", "STATE", "PRICE"]

const row = (job: ComputeClient.Job): ReadonlyArray<string> => [
  Show.time(job.requestedAt),
  Show.jobId(job.request),
  Show.name(job.providerName, 20),
  job.settlement,
  job.state,
  job.amount === undefined ? "" : Show.cost(job.amount)
]

/** A line for each job, and one below it for what is to be said of it; none for no jobs. */
export const lines = (jobs: ReadonlyArray<ComputeClient.Job>): ReadonlyArray<string> => {
  if (jobs.length === 0) return []
  const [header = "", ...rows] = Table.render(columns, jobs.map(row))
  const notes = jobs.map(note)
  return [
    header,
    ...rows.flatMap((line, index) => (notes[index] === "" ? [line] : [line, `  ${notes[index]}`]))
  ]
}

/** The job as programs read it. */
export const fields = (job: ComputeClient.Job) => ({
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
