/**
 * What a person reads when a command fails: what happened, and what to do about it.
 */
import { Text } from "@farthing/protocol"
import { Cause, Effect, Layer, Predicate } from "effect"
import { CliOutput } from "effect/cli"
import * as Masking from "./Masking.ts"
import { Output } from "./Output.ts"

const whatToDo: Readonly<Record<string, string>> = {
  NoProviders: "Start one with `farthing provider`, or check your relays with `farthing doctor`.",
  NoProviderWithinBudget:
    "See `farthing providers` for who sells, at what price and with what record, or raise --budget-sats.",
  ProviderRefused: "Try another provider, or change what you ask for.",
  QuoteTimeout: "Nothing was paid. The provider may be offline: try again, or choose another.",
  InvoiceRejected: "Nothing was paid. Choose another provider.",
  BudgetExhausted: "Nothing was paid. See `farthing budget`; limits stand in the configuration.",
  ApprovalRequired: "Nothing was paid. Ask again with --approve if you agree.",
  PaymentFailed: "Nothing was paid. Check the wallet with `farthing wallet`.",
  PaymentUnknown:
    "The money may have left. It stays reserved; `farthing jobs recover` looks it up. Never pay it by hand.",
  DeliveryTimeout: "The payment stands. `farthing jobs recover` collects a late result.",
  DeliveryTruncated: "The payment stands and the provider is marked for it.",
  DeliveryInvalid: "The payment stands and the provider is marked for it.",
  RelayUnavailable: "Check the relays with `farthing doctor`.",
  WalletUnavailable: "Check the wallet's connection with `farthing doctor`.",
  WalletError: "Check the wallet's connection with `farthing doctor`.",
  WrongNetwork:
    "Nothing was paid. Set FARTHING_NETWORK or the key `network`, or use another wallet.",
  LedgerUnavailable: "Check that FARTHING_HOME can be written and its disk has room.",
  SqlError: "Check that FARTHING_HOME can be written and its disk has room.",
  MarketRunning: "Stop the other market, or give this one a folder of its own with FARTHING_HOME.",
  ListenError: "Choose another port with --port, or 0 for any that is free."
}

const tagOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") && Predicate.isString(error._tag) ? error._tag : "Defect"

/** Configurations have several faults at times: a line each. */
const messageOf = (error: unknown): string =>
  Text.clip(Text.printableLines(error instanceof Error ? error.message : String(error)), 4000)

/** What left the wallet before the failure, in msat. */
const costOf = (error: unknown): number =>
  Predicate.hasProperty(error, "cost") && Predicate.isNumber(error.cost) ? error.cost : 0

/** Tells of the failure on stderr, or as the last JSON line. */
export const report = Effect.fnUntraced(function* (cause: Cause.Cause<unknown>) {
  if (Cause.hasInterruptsOnly(cause)) return
  const error = Cause.squash(cause)
  if (Predicate.isTagged(error, "ShowHelp")) return
  const output = yield* Output
  const tag = tagOf(error)
  const message = messageOf(error)
  const advice = whatToDo[tag]
  if (output.json) yield* output.value({ type: "error", tag, message, cost_msats: costOf(error) })
  yield* output.note(`farthing: ${message}`)
  if (advice !== undefined) yield* output.note(advice)
})

/** Help that was asked for is an answer; what is wrong with a command line is not. */
export const layerPresenter = Layer.effect(
  CliOutput.Presenter,
  Effect.gen(function* () {
    const output = yield* Output
    return {
      present: Effect.fnUntraced(function* (event) {
        if (event._tag !== "InvalidInvocation")
          return yield* CliOutput.defaultPresenter.present(event)
        const message = Masking.mask(event.errors.map((error) => error.message).join("; "))
        if (output.json)
          yield* output.value({ type: "error", tag: "UsageError", message, cost_msats: 0 })
        yield* output.note(`farthing: ${message}`)
        yield* output.note(`Usage: ${event.helpDoc.usage}`)
        yield* output.note(`See: ${event.commandPath.join(" ")} --help`)
      })
    }
  })
)
