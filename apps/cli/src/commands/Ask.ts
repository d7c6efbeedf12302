/** `farthing ask`: buys one inference and prints it as it comes. */
import { ComputeClient } from "@farthing/compute"
import { Key, Msat, Sat } from "@farthing/protocol"
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { Config } from "farthing"
import * as Market from "../Market.ts"
import * as Options from "../Options.ts"
import { Output } from "../Output.ts"
import * as Prompt from "../Prompt.ts"
import * as Readiness from "../Readiness.ts"
import { tell } from "../Telling.ts"
import { UsageError } from "../UsageError.ts"

const prompt = Argument.String("prompt").pipe(
  Argument.withDescription("What to ask; text piped to stdin follows it"),
  Argument.optional
)

const flags = {
  maxTokens: Options.whole("max-tokens", { minimum: 1, maximum: 1_000_000 }).pipe(
    Flag.withDescription("The most tokens the answer may have"),
    Flag.optional
  ),
  budgetSats: Options.whole("budget-sats", {
    minimum: 0,
    maximum: Sat.fromMsatFloor(Msat.most)
  }).pipe(Flag.withDescription("The most that invoice and fee together may cost"), Flag.optional),
  model: Flag.String("model").pipe(
    Flag.withDescription("Only providers that sell this model"),
    Flag.optional
  ),
  provider: Flag.String("provider").pipe(
    Flag.withDescription("Only this provider (npub or hex)"),
    Flag.optional
  ),
  policy: Flag.Literals("policy", ["cheapest", "fastest", "reliable", "balanced"]).pipe(
    Flag.withDescription("Which provider is asked first"),
    Flag.optional
  ),
  settlement: Options.settlement.pipe(
    Flag.withDescription("How money and result are exchanged, in order of preference"),
    Flag.optional
  ),
  approve: Flag.Boolean("approve").pipe(
    Flag.withDescription("Agree to a cost above the approval threshold"),
    Flag.withDefault(false)
  ),
  stream: Flag.Boolean("stream").pipe(
    Flag.withDescription(
      "Print the text as it comes, which is the default except in a pipe (--no-stream: all at once)"
    ),
    Flag.optional
  )
}

type Input = Command.Command.Config.Infer<typeof flags>

/** What a purchase may cost where neither flag nor limit says it. */
const fallbackBudget = Sat.toMsat(Sat.make(1000))

const budgetOf = (flag: Option.Option<number>, config: Config.Config["Service"]): Msat.Msat =>
  Option.match(flag, {
    onSome: (sats) => Sat.toMsat(Sat.make(sats)),
    onNone: () => config.runway.limits.perJob ?? config.runway.limits.perTick ?? fallbackBudget
  })

const providerKey = (text: string) =>
  Effect.fromResult(Key.parsePublic(text)).pipe(
    Effect.mapError((error) => new UsageError({ message: `--provider: ${error.message}` }))
  )

const buy = Effect.fnUntraced(function* (
  wish: Pick<ComputeClient.InferenceRequest, "prompt" | "approved">,
  only: ReadonlyArray<Key.PublicKey>,
  input: Input
) {
  const config = yield* Config.Config
  const client = yield* ComputeClient.ComputeClient
  const output = yield* Output
  yield* output.progress("asking the wallet …")
  yield* Readiness.forBuying
  const purchase = client.streamInference({
    ...wish,
    maxTokens: Option.getOrElse(input.maxTokens, () => config.compute.maxTokens),
    budget: budgetOf(input.budgetSats, config),
    selection: {
      policy: Option.getOrElse(input.policy, () => config.compute.policy),
      ...(only.length === 0 ? {} : { only, order: only })
    },
    settlement: Option.getOrElse(input.settlement, () => config.compute.settlement),
    ...Option.match(input.model, { onNone: () => ({}), onSome: (model) => ({ model }) })
  })
  yield* tell(purchase, { stream: input.stream })
})

export const command = Command.make(
  "ask",
  { prompt, ...flags },
  Effect.fnUntraced(function* (input) {
    const only = yield* Effect.forEach(Option.toArray(input.provider), providerKey)
    const prompt = yield* Prompt.read(input.prompt)
    yield* Effect.provide(buy({ prompt, approved: input.approve }, only, input), Market.customer)
  })
).pipe(
  Command.withDescription("Buy one inference and print it as it comes"),
  Command.withExamples([
    { command: 'farthing ask "What is a farthing?"', description: "Ask the cheapest provider" },
    { command: "farthing ask Summarise < README.md", description: "Ask about a text" },
    {
      command: 'farthing ask "Hello" --settlement escrow,sealed',
      description: "Never pay first"
    },
    { command: 'farthing ask "Hello" --budget-sats 5 --json', description: "For programs" }
  ])
)
