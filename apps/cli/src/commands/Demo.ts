/** `farthing demo`: the main job, offline, on a market of its own that is gone afterwards. */
import { ComputeClient } from "@farthing/compute"
import { Devnet } from "@farthing/devnet"
import { Msat, Sat } from "@farthing/protocol"
import { ComputeProvider } from "@farthing/provider"
import { Context, Effect, FileSystem, Layer, Option, Path } from "effect"
import { Command } from "effect/cli"
import { Market } from "farthing"
import { Output } from "../Output.ts"
import * as Show from "../Show.ts"
import { inFull, tell } from "../Telling.ts"

const balance = Sat.toMsat(Sat.make(10_000))

/** What the demo's agent may spend. */
const budget = {
  FARTHING_RUNWAY_DAILY_LIMIT_SATS: "1000",
  FARTHING_RUNWAY_PER_JOB_LIMIT_SATS: "50"
}

const prompt = `Summarise

The farthing was a British coin worth a quarter of an old penny, one of 960 to the pound sterling.
It was struck in silver from the thirteenth century, and later in copper and in bronze.
The last design carried a wren, one of the smallest birds of Britain, on its smallest coin.
Shops priced gloves and cloth at a farthing below the round sum, so that people felt they paid less.
Prices rose until a farthing bought nothing at all, and it ceased to be legal tender in 1960.
Machines now need again what people gave up: a coin small enough to pay for one thought.`

export const command = Command.make(
  "demo",
  {},
  Effect.fnUntraced(function* () {
    const output = yield* Output
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const folder = yield* fs.makeTempDirectoryScoped({ prefix: "farthing-demo-" })

    const devnet = yield* Devnet.make({ folder, accounts: ["provider", "agent"], balance })
    const [providerAccount, agentAccount] = devnet.accounts
    if (providerAccount === undefined || agentAccount === undefined) return
    yield* output.note(`relay      ${devnet.relay}`)
    yield* output.note("bank       two accounts, each a wallet over Nostr Wallet Connect")

    const ollama = yield* Market.localOllama
    const seller = yield* Layer.build(
      Market.seller({ name: "corner shop", priceMsats: Msat.make(10_000) }).pipe(
        Layer.provide(Market.backend(Option.getOrUndefined(ollama))),
        Layer.provide(
          Market.person({
            FARTHING_HOME: path.join(folder, "provider"),
            ...Devnet.environment(devnet.relay, providerAccount)
          })
        )
      )
    )
    const provider = Context.get(seller, ComputeProvider.ComputeProvider)
    yield* provider.online
    const { models } = yield* provider.status
    yield* output.note(
      `provider   ${Show.short(Show.npub(provider.publicKey))} sells ${models.join(", ")}${
        Option.isSome(ollama) ? ` of the Ollama at ${ollama.value}` : ""
      } at 10 sats`
    )

    const customer = yield* Layer.build(
      Market.customer.pipe(
        Layer.provide(
          Market.person({
            FARTHING_HOME: path.join(folder, "agent"),
            ...Devnet.environment(devnet.relay, agentAccount),
            ...budget
          })
        )
      )
    )
    yield* output.note(
      `agent      has ${Show.balance(balance)}, may spend 1,000 sats a day and 50 a job\n`
    )
    const receipt = yield* tell(
      Context.get(customer, ComputeClient.ComputeClient).streamInference({
        prompt,
        maxTokens: 80,
        budget: Sat.toMsat(Sat.make(50))
      }),
      { stream: true, stages: "lines" }
    )
    if (!output.json) for (const line of ["", ...inFull(receipt)]) yield* output.line(line)
  }, Effect.scoped)
).pipe(Command.withDescription("Watch an agent buy an answer, on a market of its own, offline"))
