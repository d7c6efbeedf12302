/** The wallet as it is configured: its kind, its secrets, and where it is reached. */
import { type Network, NwcUri } from "@farthing/protocol"
import { SparkConnection } from "@farthing/wallet/SparkConnection"
import { Effect, FileSystem, Option, Redacted, Result, Schema } from "effect"
import * as Mnemonic from "../Mnemonic.ts"
import * as SecretFile from "../SecretFile.ts"
import type * as Sections from "./Sections.ts"
import type { Values } from "./Setting.ts"
import * as Sources from "./Sources.ts"

export interface WalletSettings {
  readonly kind: "nwc" | "spark"
  readonly nwcUri: Option.Option<NwcUri.NwcUri>
  /** The wallet's own words; where it has none, those of the identity are its words too. */
  readonly mnemonic: Option.Option<Redacted.Redacted<string>>
  /** Which of the wallets that follow from the words, on every network. */
  readonly account: number
  /** Operators of a market on this machine; none: those that Spark runs for the network. */
  readonly sparkConnection: Option.Option<SparkConnection>
}

/** What the section is read with. */
interface Surroundings {
  readonly network: Network.Network
  /** Where the values come from, for messages. */
  readonly source: string
  /** Names of files are relative to the folder of the configuration. */
  readonly inFolder: (name: Option.Option<string>) => Option.Option<string>
}

export const read = Effect.fnUntraced(function* (
  reader: Sources.Reader,
  section: Values<typeof Sections.sections.wallet>,
  { inFolder, network, source }: Surroundings
) {
  const { account, kind } = section
  const nwcUri = yield* secretOf(reader, "nwc_uri", inFolder(section.nwc_uri_file))
  const words = yield* secretOf(reader, "mnemonic", inFolder(section.mnemonic_file))
  const sparkConnection = yield* connectionOf(reader, inFolder(section.spark_connection))
  if (kind === "spark" && network !== "mainnet" && network !== "regtest")
    reader.problems.push({
      _tag: "WrongValue",
      source,
      key: "network",
      value: network,
      expected: "mainnet or regtest, because Spark knows no other"
    })
  if (Option.isSome(sparkConnection) && network !== "regtest")
    reader.problems.push({
      _tag: "WrongValue",
      source,
      key: "network",
      value: network,
      expected: "regtest, because operators of one's own (wallet.spark_connection) are on no other"
    })
  const settings: WalletSettings = {
    kind,
    nwcUri: Option.flatMap(nwcUri, (secret) => nwcUriOf(reader, secret)),
    mnemonic: yield* Option.match(words, {
      onNone: () => Effect.succeedNone,
      onSome: (secret) => mnemonicOf(reader, secret)
    }),
    account,
    sparkConnection
  }
  return settings
})

interface Secret {
  readonly value: Redacted.Redacted<string>
  /** Where it stands, for messages. */
  readonly source: string
  readonly key: string
}

/** A secret of the wallet: of the environment, else of the file. */
const secretOf = Effect.fnUntraced(function* (
  reader: Sources.Reader,
  key: string,
  file: Option.Option<string>
) {
  const variable = Option.map(reader.secret("wallet", key), (value): Secret => ({
    value,
    source: "environment",
    key: Sources.variableOf("wallet", key)
  }))
  if (Option.isSome(variable) || Option.isNone(file)) return variable
  return yield* SecretFile.read(file.value).pipe(
    Effect.map((value): Secret => ({ value, source: file.value, key: `wallet.${key}` })),
    Effect.asSome,
    Effect.catchTag("SecretFileRefused", (refused) => {
      reader.problems.push({
        _tag: "UnreadableFile",
        source: `wallet.${key}_file`,
        message: refused.message
      })
      return Effect.succeedNone
    })
  )
})

const nwcUriOf = (
  reader: Sources.Reader,
  { key, source, value }: Secret
): Option.Option<NwcUri.NwcUri> =>
  Result.match(NwcUri.parse(value), {
    onSuccess: Option.some,
    onFailure: (invalid) => {
      reader.problems.push(
        Sources.wrongSecret(source, key, `a wallet connection URI (${invalid.message})`)
      )
      return Option.none()
    }
  })

const mnemonicOf = (reader: Sources.Reader, { key, source, value }: Secret) =>
  Mnemonic.parse(value).pipe(
    Effect.asSome,
    Effect.catchTag("InvalidKey", () => {
      reader.problems.push(Sources.wrongSecret(source, key, Mnemonic.expected))
      return Effect.succeedNone
    })
  )

const connectionOf = Effect.fnUntraced(function* (
  reader: Sources.Reader,
  file: Option.Option<string>
) {
  if (Option.isNone(file)) return Option.none()
  const fileSystem = yield* FileSystem.FileSystem
  return yield* fileSystem.readFileString(file.value).pipe(
    Effect.mapError((error) => `cannot be read (${error.reason._tag})`),
    Effect.flatMap((text) => Effect.mapError(decodeConnection(text), () => notConnection)),
    Effect.asSome,
    Effect.catch((message) => {
      reader.problems.push({ _tag: "UnreadableFile", source: file.value, message })
      return Effect.succeedNone
    })
  )
})

const decodeConnection = Schema.decodeUnknownEffect(Schema.fromJsonString(SparkConnection))

const notConnection =
  "does not say where Spark operators are; `farthing dev --wallet spark` writes a file that does"
