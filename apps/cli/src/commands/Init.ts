/** `farthing init`: a home with a configuration, limits, an identity and a wallet. */
import { Key, Network } from "@farthing/protocol"
import { Effect, FileSystem, Layer, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { Config, Home, Identity, Market } from "farthing"
import { Output } from "../Output.ts"
import { UsageError } from "../UsageError.ts"
import * as Connection from "./init/Connection.ts"
import * as Words from "./init/Words.ts"

const RelayUrl = Schema.String.check(
  Schema.makeFilter((url: string) => URL.canParse(url) && /^wss?:$/.test(new URL(url).protocol), {
    message: "Expected a URL such as wss://relay.example"
  })
)

const flags = {
  network: Flag.Literals("network", Network.Network.literals).pipe(
    Flag.withDescription("Which bitcoins are used"),
    Flag.withDefault("regtest" as const)
  ),
  relays: Flag.String("relay").pipe(
    Flag.withSchema(RelayUrl),
    Flag.withDescription("Where the market is (ws:// or wss://); may be given several times"),
    Flag.atLeast(0)
  ),
  wallet: Flag.Literals("wallet", ["nwc", "spark"]).pipe(
    Flag.withDescription("A wallet that you have (nwc), or a new one of twelve words (spark)"),
    Flag.withDefault("nwc" as const)
  ),
  restore: Flag.Boolean("restore").pipe(
    Flag.withDescription("With --wallet spark: take words that you have, typed or piped"),
    Flag.withDefault(false)
  ),
  force: Flag.Boolean("force").pipe(
    Flag.withDescription("Replace a configuration that is there; identity and books stay"),
    Flag.withDefault(false)
  )
}

type Input = Command.Command.Config.Infer<typeof flags>

const localRelay = "ws://127.0.0.1:7777"

/** Refuses what could not be used, before anything is made. */
const requireSense = Effect.fnUntraced(function* ({ force, network, restore, wallet }: Input) {
  const fs = yield* FileSystem.FileSystem
  const { config } = yield* Home.Home
  if (!force && (yield* fs.exists(config)))
    return yield* new UsageError({ message: `${config} is there already; --force replaces it` })
  if (restore && wallet !== "spark")
    return yield* new UsageError({ message: "--restore is for words: add --wallet spark" })
  if (wallet === "spark" && network !== "mainnet" && network !== "regtest")
    return yield* new UsageError({
      message: `Spark does not know ${network}: use --network mainnet, or regtest to try it`
    })
})

const prepareWallet = Effect.fnUntraced(function* ({ restore, wallet }: Input) {
  if (wallet === "spark") {
    const { note, source, ...files } = yield* Words.prepare({ restore })
    return { ...files, source, note }
  }
  const { note, nwcUriFile } = yield* Connection.prepare
  return {
    ...(nwcUriFile === undefined ? {} : { nwcUriFile }),
    ...(yield* Words.ofIdentity),
    source: undefined,
    note
  }
})

const identity = Identity.layer.pipe(Layer.provide(Config.layer()))

/** None where the SDK is not installed yet, which is said. */
const findAddress = Effect.gen(function* () {
  const output = yield* Output
  return yield* Market.sparkAddress.pipe(
    Effect.asSome,
    Effect.catchTag("SparkUnavailable", ({ message }) =>
      Effect.as(output.note(message), Option.none<string>())
    ),
    Effect.provide(Config.layer())
  )
})

export const command = Command.make(
  "init",
  flags,
  Effect.fnUntraced(function* (input) {
    const output = yield* Output
    const fs = yield* FileSystem.FileSystem
    const home = yield* Home.Home
    yield* requireSense(input)
    const { note, source: words, ...files } = yield* prepareWallet(input)
    const text = Config.template({
      network: input.network,
      relays: input.relays.length === 0 ? [localRelay] : input.relays,
      walletKind: input.wallet,
      ...files
    })
    yield* fs.writeFileString(home.config, text, { mode: 0o600 })
    const { publicKey, source } = yield* Effect.provide(Identity.Identity, identity)
    const npub = Key.formatPublic(publicKey)
    const address = input.wallet === "spark" ? yield* findAddress : Option.none()
    if (output.json)
      return yield* output.value({
        config: home.config,
        npub,
        identity: source,
        wallet: input.wallet,
        ...(words === undefined ? {} : { words, account: 0, address: Option.getOrNull(address) })
      })
    yield* output.line(`configuration  ${home.config}`)
    yield* output.line(`identity       ${npub}`)
    if (source !== words)
      yield* output.line(`secret key     ${source} (keep it: nobody can restore it)`)
    if (words !== undefined)
      yield* output.line(
        `words          ${words} (they restore ${source === words ? "identity and wallet" : "the wallet"}: account 0)`
      )
    if (Option.isSome(address)) yield* output.line(`address        ${address.value}`)
    if (note !== undefined) yield* output.note(note)
  })
).pipe(
  Command.withDescription("Write a configuration with limits, make an identity and a wallet"),
  Command.withExamples([
    { command: "farthing init", description: "For a wallet that you have" },
    { command: "farthing init --wallet spark --network mainnet", description: "For a new one" }
  ]),
  Command.provide(Home.layer)
)
