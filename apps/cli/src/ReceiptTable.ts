/** Receipts as rows for spreadsheets and bookkeepers: amounts in msat, times in ISO 8601. */
import type { Receipt } from "@farthing/compute"
import { Text } from "@farthing/protocol"
import * as Csv from "./Csv.ts"
import * as Show from "./Show.ts"

type Column = (receipt: Receipt.Receipt) => string | number | undefined

/** What the provider wrote: one line, in which no spreadsheet that splits at semicolons finds a cell. */
const foreign = (text: string | undefined): string =>
  Text.printable(text ?? "").replaceAll(";", ",")

/** The text is not among them: its digest is. */
const columns: Readonly<Record<string, Column>> = {
  finished_at: ({ finishedAt }) => Show.isoTime(finishedAt),
  provider: ({ provider }) => Show.npub(provider),
  provider_name: ({ providerName }) => foreign(providerName),
  model: ({ model }) => foreign(model),
  purchase_id: ({ purchase }) => purchase,
  request_id: ({ request }) => request,
  amount_msats: ({ amount }) => amount,
  fee_msats: ({ fee }) => fee,
  cost_msats: ({ cost }) => cost,
  payment_hash: ({ paymentHash }) => paymentHash,
  preimage: ({ preimage }) => preimage,
  sha256: ({ resultSha256 }) => resultSha256,
  finish_reason: ({ finishReason }) => foreign(finishReason),
  tokens_in: ({ tokensIn }) => tokensIn,
  tokens_out: ({ tokensOut }) => tokensOut,
  bolt11: ({ bolt11 }) => bolt11,
  settlement: ({ settlement }) => settlement,
  fee_known: ({ feeKnown }) => String(feeKnown)
}

export const header: string = Csv.record(Object.keys(columns))

export const row = (receipt: Receipt.Receipt): string =>
  Csv.record(Object.values(columns).map((column) => String(column(receipt) ?? "")))
