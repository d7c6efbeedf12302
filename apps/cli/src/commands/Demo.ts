/** `farthing demo`: the main job, offline, on a market of its own that is gone afterwards. */
import { ComputeClient } from "@farthing/compute"
import { Devnet } from "@farthing/devnet"
import { Msat, Sat, Settlement } from "@farthing/protocol"
import { Context, Effect, FileSystem, Option, Path } from "effect"
import { Command, Flag } from "effect/cli"
import { Market } from "farthing"
import * as Options from "../Options.ts"
import * as People from "../People.ts"
import { Output } from "../Output.ts"
import * as ReceiptTelling from "../ReceiptTelling.ts"
import * as Show from "../Show.ts"
import * as SparkMarket from "../SparkMarket.ts"
import { tell } from "../Telling.ts"

const balance = Sat.toMsat(Sat.make(10_000))

const price = Msat.make(10_000)

/** What the agent may spend. */
const limits = {
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

const flags = {
  settlement: Options.settlement.pipe(
    Flag.withDescription("How money and result are exchanged, in order of preference"),
    Flag.withDefault(["upfront"] as const)
  ),
  wallet: Options.marketWallet
}

export const command = Command.make(
  "demo",
  flags,
  Effect.fnUntraced(function* ({ settlement, wallet }) {
    const output = yield* Output
    const { agent, provider } = yield* openMarket(wallet)
    yield* sell(provider)
    yield* output.note(
      `agent      has ${Show.balance(balance)}, may spend 1,000 sats a day and 50 a job\n`
    )
    const receipt = yield* buy(agent, settlement)
    if (!output.json)
      for (const line of ["", ...ReceiptTelling.inFull(receipt)]) yield* output.line(line)
  }, Effect.scoped)
).pipe(Command.withDescription("Watch an agent buy an answer, on a market of its own, offline"))

/** A relay and a bank in a folder that goes with the scope, and a wallet for each person. */
const openMarket = Effect.fnUntraced(function* (wallet: "nwc" | "spark") {
  const output = yield* Output
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "farthing-demo-" })
  const devnet = yield* Devnet.make({
    folder,
    accounts: wallet === "nwc" ? names : [],
    balance
  })
  yield* output.note(`relay      ${devnet.relay}`)
  const [provider, agent] = yield* wallet === "nwc" ? atBank(devnet) : onSpark(devnet, folder)
  return {
    provider: { folder: path.join(folder, "provider"), environment: provider },
    agent: { folder: path.join(folder, "agent"), environment: agent }
  }
})

const names = ["provider", "agent"] as const

const atBank = Effect.fnUntraced(function* ({ accounts, relay }: Devnet.Shape) {
  const output = yield* Output
  yield* output.note("bank       two accounts, each a wallet over Nostr Wallet Connect")
  const environmentOf = (name: string) =>
    Effect.map(Effect.fromNullishOr(accounts.find((it) => it.account === name)), (account) =>
      Devnet.environment(relay, account)
    )
  return yield* Effect.all([environmentOf(names[0]), environmentOf(names[1])])
})

const onSpark = Effect.fnUntraced(function* (devnet: Devnet.Shape, folder: string) {
  const output = yield* Output
  const market = yield* SparkMarket.open({ folder, devnet, balance })
  yield* output.note("spark      operators of this machine, and two wallets of twelve words")
  const environmentOf = (name: string) =>
    Effect.map(market.person(name), ({ environment }) => environment)
  return yield* Effect.all([environmentOf(names[0]), environmentOf(names[1])])
})

/** Sells what the Ollama of this machine infers, if there is one, else what needs no server. */
const sell = Effect.fnUntraced(function* (place: People.Place) {
  const output = yield* Output
  const ollama = yield* Market.localOllama
  const provider = yield* People.seller(
    place,
    {
      name: "corner shop",
      priceMsats: price,
      settlement: Settlement.Settlement.literals
    },
    Option.getOrUndefined(ollama)
  )
  const { models } = yield* provider.status
  const origin = Option.match(ollama, {
    onNone: () => "",
    onSome: (url) => ` of the Ollama at ${url}`
  })
  yield* output.note(
    `provider   ${Show.short(Show.npub(provider.publicKey))} sells ${models.join(", ")}${origin} at ${Show.cost(price)}`
  )
})

const buy = Effect.fnUntraced(function* (
  place: People.Place,
  settlement: ReadonlyArray<Settlement.Settlement>
) {
  const customer = yield* People.customer(place, limits)
  const purchase = Context.get(customer, ComputeClient.ComputeClient).streamInference({
    prompt,
    maxTokens: 80,
    settlement,
    budget: Sat.toMsat(Sat.make(50))
  })
  return yield* tell(purchase, { stream: Option.some(true), stages: "lines" })
})
