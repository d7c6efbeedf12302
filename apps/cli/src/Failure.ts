/**
 * What a person reads when a command fails: what happened, and what to do about it.
 */
import { Text } from "@farthing/protocol"
import { Cause, Effect, Layer, Predicate } from "effect"
import { CliOutput } from "effect/cli"
import * as Advice from "./Advice.ts"
import * as Masking from "./Masking.ts"
import { Output } from "./Output.ts"

const tagOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") && Predicate.isString(error._tag) ? error._tag : "Defect"

/** Configurations have several faults at times: a line each. */
const messageOf = (error: unknown): string =>
  Text.clip(Text.printableLines(error instanceof Error ? error.message : String(error)), 4000)

/** What left the wallet before the failure, what is locked, and what came back, in msat. */
const moneyOf = (error: unknown) => ({
  cost_msats:
    Predicate.hasProperty(error, "cost") && Predicate.isNumber(error.cost) ? error.cost : 0,
  ...(Predicate.hasProperty(error, "held") && Predicate.isNumber(error.held)
    ? { held_msats: error.held }
    : {}),
  ...(Predicate.hasProperty(error, "refund") && Predicate.isNumber(error.refund)
    ? { refund_msats: error.refund }
    : {})
})

/** Tells of the failure on stderr, or as the last JSON line. */
export const report = Effect.fnUntraced(function* (cause: Cause.Cause<unknown>) {
  if (Cause.hasInterruptsOnly(cause)) return
  const error = Cause.squash(cause)
  // Help that was asked for, and a question that was not answered.
  if (Predicate.isTagged(error, "ShowHelp") || Predicate.isTagged(error, "QuitError")) return
  const output = yield* Output
  const tag = tagOf(error)
  const message = tag === "UsageError" ? Masking.mask(messageOf(error)) : messageOf(error)
  const advice = Advice.on(error, tag)
  if (output.json) yield* output.value({ type: "error", tag, message, ...moneyOf(error) })
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
