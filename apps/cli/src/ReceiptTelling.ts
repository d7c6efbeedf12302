/** How a receipt is told: in one line, in full, and to programs. */
import type { Receipt } from "@farthing/compute"
import { Text } from "@farthing/protocol"
import * as Show from "./Show.ts"

/** `provider · cost (fee) · how it was settled · time · what the budget leaves today`. */
export const oneLine = (receipt: Receipt.Receipt): string =>
  [
    Show.who(receipt.providerName, receipt.provider),
    `${Show.cost(receipt.cost)} (fee ${fee(receipt)})`,
    ...(receipt.settlement === "upfront" ? [] : [receipt.settlement]),
    Show.seconds(millisOf(receipt)),
    ...(receipt.leftToday === undefined ? [] : [`${Show.balance(receipt.leftToday)} left today`])
  ].join(" · ")

/** Where the wallet does not say it, all that was set aside for it. */
export const fee = ({ fee, feeKnown }: Receipt.Receipt): string =>
  feeKnown ? Show.cost(fee) : `up to ${Show.cost(fee)}`

/** The receipt, a line a fact. */
export const inFull = (receipt: Receipt.Receipt): ReadonlyArray<string> => [
  `provider     ${Show.who(receipt.providerName, receipt.provider)}`,
  `model        ${Text.printable(receipt.model ?? "unknown")}`,
  `invoice      ${Show.cost(receipt.amount)} (${receipt.amount} msat)`,
  `fee          ${fee(receipt)} (${receipt.fee} msat)`,
  `settlement   ${receipt.settlement}`,
  `payment hash ${receipt.paymentHash}`,
  `preimage     ${receipt.preimage}`,
  `time         ${receipt.stages.map(({ stage, millis }) => `${stage} ${Math.round(millis)} ms`).join(", ")}`,
  ...(receipt.leftToday === undefined
    ? []
    : [`budget left  ${Show.balance(receipt.leftToday)} today`])
]

const millisOf = (receipt: Receipt.Receipt): number =>
  receipt.stages.reduce((total, { millis }) => total + millis, 0)

/** The receipt as programs read it. */
export const fields = (receipt: Receipt.Receipt) => ({
  text: receipt.text,
  provider: Show.npub(receipt.provider),
  provider_name: receipt.providerName,
  model: receipt.model,
  purchase_id: receipt.purchase,
  request_id: receipt.request,
  amount_msats: receipt.amount,
  fee_msats: receipt.fee,
  fee_known: receipt.feeKnown,
  cost_msats: receipt.cost,
  settlement: receipt.settlement,
  payment_hash: receipt.paymentHash,
  preimage: receipt.preimage,
  bolt11: receipt.bolt11,
  sha256: receipt.resultSha256,
  finish_reason: receipt.finishReason,
  tokens_in: receipt.tokensIn,
  tokens_out: receipt.tokensOut,
  left_today_msats: receipt.leftToday,
  finished_at: receipt.finishedAt,
  stages: receipt.stages
})
