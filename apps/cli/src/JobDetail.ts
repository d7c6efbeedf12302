/** Everything that is known of one job, as lines for people and as fields for programs. */
import type { Treasury } from "@farthing/budget"
import type { ComputeClient } from "@farthing/compute"
import { SealedEvidence, Text } from "@farthing/protocol"
import * as EvidenceTelling from "./EvidenceTelling.ts"
import * as JobTelling from "./JobTelling.ts"
import * as Show from "./Show.ts"

type Fact = readonly [name: string, value: string]

type Entries = ReadonlyArray<Treasury.Entry>

const nameWidth = 14

const line = ([name, value]: Fact): string => `${name.padEnd(nameWidth)}${value}`

const request = ({ job }: ComputeClient.JobDetail): ReadonlyArray<Fact> => [
  ["job", job.request],
  ["purchase", job.purchase],
  ["provider", Show.name(job.providerName)],
  ["", Show.npub(job.provider)],
  ["asked", `${Show.fullTime(job.requestedAt)} UTC`],
  ["settlement", job.settlement],
  ["state", [job.state, JobTelling.note(job)].filter((part) => part !== "").join(": ")]
]

const offer = ({ offer }: ComputeClient.JobDetail): ReadonlyArray<Fact> =>
  offer === undefined
    ? []
    : [
        ["price", Show.costInFull(offer.amount)],
        ["payment hash", offer.paymentHash],
        ["invoice", Text.printable(offer.bolt11, 4000)]
      ]

const lock = ({ job, lock }: ComputeClient.JobDetail): ReadonlyArray<Fact> =>
  lock === undefined || !isOpen.has(job.state)
    ? []
    : [["locked until", `${Show.fullTime(lock.until)} UTC, if it is not taken before`]]

/** While the money is neither taken nor back. */
const isOpen: ReadonlySet<ComputeClient.JobState> = new Set(["locked", "released"])

const payment = ({ payment }: ComputeClient.JobDetail): ReadonlyArray<Fact> =>
  payment === undefined
    ? []
    : [
        ["paid", `${Show.fullTime(payment.paidAt)} UTC`],
        ["fee", `${payment.feeKnown ? "" : "up to "}${Show.costInFull(payment.fee)}`],
        ["preimage", payment.preimage]
      ]

const refund = ({ refund }: ComputeClient.JobDetail): ReadonlyArray<Fact> =>
  refund === undefined
    ? []
    : [
        ["refund", `${Show.costInFull(refund.amount)}, ${Show.refundState(refund)}`],
        ["refund hash", refund.paymentHash],
        ["refund to", Text.printable(refund.bolt11, 4000)]
      ]

/** How much of a text is shown. */
const beginning = 400

const result = ({ receipt }: ComputeClient.JobDetail): ReadonlyArray<Fact> =>
  receipt === undefined
    ? []
    : [
        ["result", `sha256 ${receipt.resultSha256}`],
        ["", Text.printable(receipt.text, beginning)]
      ]

/** What the provider signed of a result under seal, and whether it holds. */
const sealed = (
  { job }: ComputeClient.JobDetail,
  evidence: SealedEvidence.SealedEvidence | undefined
): ReadonlyArray<Fact> =>
  evidence === undefined
    ? []
    : [
        ["under seal", `${evidence.parts.length} parts, commitment ${evidence.commitment.id}`],
        ...EvidenceTelling.findings(SealedEvidence.examine(evidence)).map((line): Fact => [
          "",
          line
        ]),
        [
          "",
          `\`farthing jobs show ${Show.jobId(job.request)} --evidence\` writes what proves it to anybody`
        ]
      ]

const steps = ({ steps }: ComputeClient.JobDetail): ReadonlyArray<string> => [
  "",
  "what happened (UTC)",
  ...steps.map(({ at, note, state }) => moment(at, state, note))
]

const entriesOf = (entries: Entries): ReadonlyArray<string> =>
  entries.length === 0
    ? []
    : ["", "what the ledger says of the purchase (UTC)", ...entries.map(entryLine)]

const entryLine = ({ at, held, note, spent, what }: Treasury.Entry): string =>
  moment(at, what, [moved("spent", spent), moved("held", held), note].filter(Boolean).join(", "))

const moved = (total: string, by: number): string =>
  by === 0 ? "" : `${total} ${by > 0 ? "+" : ""}${by.toLocaleString("en-US")} msat`

const moment = (at: number, what: string, note: string): string =>
  `  ${Show.exactTime(at)}  ${what.padEnd(10)}  ${Text.printable(note)}`.trimEnd()

export const lines = (
  job: ComputeClient.JobDetail,
  entries: Entries,
  evidence: SealedEvidence.SealedEvidence | undefined
): ReadonlyArray<string> => [
  ...[request, offer, lock, payment, refund, result].flatMap((part) => part(job)).map(line),
  ...sealed(job, evidence).map(line),
  ...steps(job),
  ...entriesOf(entries)
]

/** Everything as programs read it. */
export const fields = (
  detail: ComputeClient.JobDetail,
  entries: Entries,
  evidence: SealedEvidence.SealedEvidence | undefined
) => {
  const { job, lock, offer, payment, receipt, refund, steps } = detail
  return {
    ...JobTelling.fields(job),
    bolt11: offer?.bolt11,
    locked_until: lock?.until ?? null,
    preimage: payment?.preimage,
    fee_msats: payment?.fee,
    fee_known: payment?.feeKnown,
    paid_at: payment?.paidAt,
    refund:
      refund === undefined
        ? null
        : {
            amount_msats: refund.amount,
            payment_hash: refund.paymentHash,
            bolt11: refund.bolt11,
            accepted_at: refund.acceptedAt,
            expires_at: refund.expiresAt,
            received_at: refund.receivedAt ?? null
          },
    result:
      receipt === undefined
        ? null
        : {
            sha256: receipt.resultSha256,
            text: receipt.text,
            model: receipt.model,
            finished_at: receipt.finishedAt
          },
    sealed:
      evidence === undefined
        ? null
        : {
            parts: evidence.parts.length,
            commitment: evidence.commitment.id,
            findings: SealedEvidence.examine(evidence).findings
          },
    steps: steps.map(({ at, note, state }) => ({ at_millis: at, state, note })),
    entries: entries.map(({ at, held, note, paymentHash, seq, spent, what }) => ({
      seq,
      at_millis: at,
      what,
      payment_hash: paymentHash ?? null,
      spent_msats: spent,
      held_msats: held,
      note
    }))
  }
}
