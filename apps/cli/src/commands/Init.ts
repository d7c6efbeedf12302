/** `farthing init`: a home with a configuration, limits and an identity. */
import { Key, Network, NwcUri } from "@farthing/protocol"
import { Effect, FileSystem, Layer, Path, Redacted, Schema, Stdio } from "effect"
import { Command, Flag, Prompt } from "effect/cli"
import { Config, Home, Identity, SecretFile } from "farthing"
import { Output } from "../Output.ts"
import { UsageError } from "../UsageError.ts"

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
  force: Flag.Boolean("force").pipe(
    Flag.withDescription("Replace a configuration that is there; identity and books stay"),
    Flag.withDefault(false)
  )
}

const localRelay = "ws://127.0.0.1:7777"

const walletFile = "wallet.nwc"

/** Asks a person for the wallet's connection; programs use the environment. */
const askForWallet = Effect.fnUntraced(function* (path: string) {
  const stdio = yield* Stdio.Stdio
  const fs = yield* FileSystem.FileSystem
  if (yield* fs.exists(path)) return true
  if (!((yield* stdio.stdinIsTerminal) && (yield* stdio.stdoutIsTerminal))) return false
  const uri = yield* Prompt.Hidden({
    message: "Your wallet's connection (nostr+walletconnect://…; empty: later)",
    validate: (text) =>
      text.trim() === ""
        ? Effect.succeed("")
        : Effect.fromResult(NwcUri.parse(Redacted.make(text.trim()))).pipe(
            Effect.as(text.trim()),
            Effect.mapError((error) => error.message)
          )
  })
  if (Redacted.value(uri) === "") return false
  return yield* SecretFile.create(path, uri, "init")
})

const identity = Identity.layer.pipe(Layer.provide(Config.layer()))

export const command = Command.make(
  "init",
  flags,
  Effect.fnUntraced(function* ({ force, network, relays }) {
    const output = yield* Output
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const home = yield* Home.Home
    if (!force && (yield* fs.exists(home.config)))
      return yield* new UsageError({
        message: `${home.config} is there already; --force replaces it`
      })
    const hasWallet = yield* askForWallet(path.join(home.path, walletFile))
    const text = Config.template({
      network,
      relays: relays.length === 0 ? [localRelay] : relays,
      walletKind: "nwc",
      ...(hasWallet ? { nwcUriFile: walletFile } : {})
    })
    yield* fs.writeFileString(home.config, text, { mode: 0o600 })
    const { publicKey, source } = yield* Effect.provide(Identity.Identity, identity)
    const npub = Key.formatPublic(publicKey)
    if (output.json) return yield* output.value({ config: home.config, npub, identity: source })
    yield* output.line(`configuration  ${home.config}`)
    yield* output.line(`identity       ${npub}`)
    yield* output.line(`secret key     ${source} (keep it: nobody can restore it)`)
    if (!hasWallet)
      yield* output.note(
        `no wallet yet: put its connection URI into FARTHING_WALLET_NWC_URI, or into ${path.join(home.path, walletFile)} (mode 0600) and name that file in wallet.nwc_uri_file`
      )
  })
).pipe(
  Command.withDescription("Write a configuration with limits, and make an identity"),
  Command.provide(Home.layer)
)
