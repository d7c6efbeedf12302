/**
 * How a purchase is told while it goes on: stages as progress, the text as it comes, and the
 * receipt at the end.
 */
import type { ComputeClient, ComputeError, Receipt } from "@farthing/compute"
import { Text } from "@farthing/protocol"
import { Effect, Option, Stdio, Stream } from "effect"
import { Output } from "./Output.ts"
import * as Show from "./Show.ts"

export interface Options {
  /** Whether the text is shown as it comes. */
  readonly stream: boolean
  /** Stages as one line that is written over, or as a line each; default: one. */
  readonly stages?: "progress" | "lines"
}

type Purchase = Stream.Stream<ComputeClient.Progress, ComputeError.ComputeError>

/** Tells of a purchase to its end; the answer is its receipt. */
export const tell = Effect.fnUntraced(function* (purchase: Purchase, options: Options) {
  const output = yield* Output
  const listener = output.json ? yield* forPrograms(options) : yield* forPeople(options)
  const last = yield* purchase.pipe(
    Stream.tap(listener),
    Stream.filter((progress) => progress._tag === "Done"),
    Stream.runHead
  )
  return Option.getOrThrow(last).receipt
})

const forPrograms = Effect.fnUntraced(function* (options: Options) {
  const output = yield* Output
  return (progress: ComputeClient.Progress): Effect.Effect<void> => {
    switch (progress._tag) {
      case "Stage":
        return output.value({
          type: "stage",
          stage: progress.stage,
          ...(progress.provider === undefined ? {} : { provider: Show.npub(progress.provider) }),
          message: progress.message
        })
      case "Chunk":
        return options.stream ? output.value({ type: "chunk", text: progress.text }) : Effect.void
      case "Restarted":
        return options.stream ? output.value({ type: "restart" }) : Effect.void
      case "Done":
        return output.value({ type: "receipt", ...receiptFields(progress.receipt) })
    }
  }
})

const forPeople = Effect.fnUntraced(function* (options: Options) {
  const output = yield* Output
  const stdio = yield* Stdio.Stdio
  const stage = options.stages === "lines" ? output.note : output.progress
  const shown = (yield* stdio.stdoutIsTerminal) ? Text.printableLines : (text: string) => text
  // On a terminal a stage would write over the line of the answer that stands there.
  let answering = false
  return (progress: ComputeClient.Progress): Effect.Effect<void> => {
    switch (progress._tag) {
      case "Stage":
        return answering ? Effect.void : stage(Text.printable(progress.message))
      case "Chunk":
        answering ||= options.stream && progress.text !== ""
        return options.stream ? output.write(shown(progress.text)) : Effect.void
      case "Restarted":
        return options.stream
          ? Effect.andThen(output.write("\n"), output.note("the text begins anew:"))
          : Effect.void
      case "Done": {
        const { text } = progress.receipt
        const rest = options.stream ? "" : shown(text)
        return Effect.andThen(
          output.write(text.endsWith("\n") ? rest : `${rest}\n`),
          output.note(oneLine(progress.receipt))
        )
      }
    }
  }
})

/** `provider · cost (invoice + fee) · time · what the budget leaves today`. */
const oneLine = (receipt: Receipt.Receipt): string =>
  [
    Show.who(receipt.providerName, receipt.provider),
    `${Show.cost(receipt.cost)} (fee ${Show.cost(receipt.fee)})`,
    Show.seconds(millisOf(receipt)),
    ...(receipt.leftToday === undefined ? [] : [`${Show.balance(receipt.leftToday)} left today`])
  ].join(" · ")

/** The receipt, a line a fact. */
export const inFull = (receipt: Receipt.Receipt): ReadonlyArray<string> => [
  `provider     ${Show.who(receipt.providerName, receipt.provider)}`,
  `model        ${Text.printable(receipt.model ?? "unknown")}`,
  `invoice      ${Show.cost(receipt.amount)} (${receipt.amount} msat)`,
  `fee          ${Show.cost(receipt.fee)} (${receipt.fee} msat)`,
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
export const receiptFields = (receipt: Receipt.Receipt) => ({
  text: receipt.text,
  provider: Show.npub(receipt.provider),
  provider_name: receipt.providerName,
  model: receipt.model,
  purchase_id: receipt.purchase,
  request_id: receipt.request,
  amount_msats: receipt.amount,
  fee_msats: receipt.fee,
  cost_msats: receipt.cost,
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
