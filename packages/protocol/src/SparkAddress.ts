/**
 * Addresses of Spark wallets: bech32m over one field, the payee's identity key. One that carries more
 * (an invoice of Spark's own) is no plain address.
 */
import { bech32m } from "@scure/base"
import { Option, Result } from "effect"
import type * as Network from "./Network.ts"
import * as Secp256k1 from "./Secp256k1.ts"

export interface SparkAddress {
  readonly network: Network.Network
  /** The payee's identity key, 33 bytes. */
  readonly identity: Uint8Array
}

/** None if its checksum, its network or its key is none. */
export const decode = (address: string): Option.Option<SparkAddress> =>
  Result.getSuccess(
    Result.try(() => bech32m.decode(address as `${string}1${string}`, lengthLimit))
  ).pipe(
    Option.flatMap(({ prefix, words }) =>
      Option.all({
        network: Option.fromUndefinedOr(networks.get(prefix)),
        identity: Option.flatMap(
          Result.getSuccess(Result.try(() => bech32m.fromWords(words))),
          keyIn
        )
      })
    )
  )

/** The plain address of an identity, as Spark writes it now. */
export const encode = ({ identity, network }: SparkAddress): string =>
  bech32m.encode(
    prefixes[network],
    bech32m.toWords(Uint8Array.from([keyField, identity.length, ...identity])),
    lengthLimit
  )

/** A protobuf message: field 1, 33 bytes, and nothing else. */
const keyIn = (message: Uint8Array): Option.Option<Uint8Array> => {
  const [tag, length, parity] = message
  const isKey =
    message.length === 35 &&
    tag === keyField &&
    length === 33 &&
    (parity === 2 || parity === 3) &&
    Secp256k1.isPublicKey(message.slice(3))
  return isKey ? Option.some(message.slice(2)) : Option.none()
}

/** Field 1 of a protobuf message, in bytes. */
const keyField = 0x0a

/** Beyond the 90 characters of BIP 173, as Spark itself has it. */
const lengthLimit = 1_000

/** Each with what it was called before; operators of one's own (`sparkl`) are for regtest. */
const networks: ReadonlyMap<string, Network.Network> = new Map([
  ["spark", "mainnet"],
  ["sp", "mainnet"],
  ["sparkt", "testnet"],
  ["spt", "testnet"],
  ["sparks", "signet"],
  ["sps", "signet"],
  ["sparkrt", "regtest"],
  ["sprt", "regtest"],
  ["sparkl", "regtest"],
  ["spl", "regtest"]
])

const prefixes: Readonly<Record<Network.Network, string>> = {
  mainnet: "spark",
  testnet: "sparkt",
  signet: "sparks",
  regtest: "sparkrt"
}
