/**
 * The connection URI of Nostr Wallet Connect (NIP-47, "Nostr Wallet Connect URI"): whoever has
 * it can spend from the wallet, so it is redacted as a whole.
 */
import { Option, Redacted, Result, Schema } from "effect"
import * as Hex from "./Hex.ts"
import * as Key from "./Key.ts"

export interface NwcUri {
  /** The wallet service's key: to it requests are encrypted. */
  readonly wallet: Key.PublicKey
  /** Where it listens; at least one. */
  readonly relays: ReadonlyArray<string>
  /** The key with which the client signs and encrypts. */
  readonly secret: Key.SecretKey
  /** The lightning address that belongs to the wallet, if it has one. */
  readonly lud16: Option.Option<string>
}

/** Why a string is no connection URI. The message never shows any of it. */
export class InvalidNwcUri extends Schema.TaggedError<InvalidNwcUri>()("InvalidNwcUri", {
  message: Schema.String
}) {}

const shape = /^(?:nostr\+walletconnect|nostrwalletconnect):(?:\/\/)?([^?#/]*)\/?(?:\?([^#]*))?$/i

const isSecret = Schema.is(Hex.ofBytes(32))

const isPublicKey = Schema.is(Key.PublicKey)

export const parse = (uri: Redacted.Redacted<string>): Result.Result<NwcUri, InvalidNwcUri> => {
  const found = shape.exec(Redacted.value(uri).trim())
  if (found === null) return invalid("it has to start with nostr+walletconnect://")
  const wallet = (found[1] ?? "").toLowerCase()
  if (!isPublicKey(wallet)) return invalid("the wallet's public key has to be 64 hex digits")

  const parameters = new URLSearchParams(found[2])
  const relays = parameters.getAll("relay").filter((url) => url !== "")
  if (relays.length === 0) return invalid("it names no relay")
  if (!relays.every(isRelayUrl)) return invalid("a relay has to be a ws:// or wss:// URL")

  const secrets = parameters.getAll("secret").map((secret) => secret.toLowerCase())
  const secret = secrets[0]
  if (secret === undefined) return invalid("it has no secret")
  if (secrets.length > 1 || !isSecret(secret)) return invalid("the secret has to be 64 hex digits")

  return Result.succeed({
    wallet,
    relays: Array.from(new Set(relays)),
    secret: Redacted.make(secret, { label: "nwc secret" }),
    lud16: Option.liftPredicate((address: string) => address !== "")(parameters.get("lud16") ?? "")
  })
}

export const format = (uri: NwcUri): Redacted.Redacted<string> => {
  const parameters = [
    ...uri.relays.map((url) => `relay=${encodeURIComponent(url)}`),
    `secret=${Redacted.value(uri.secret)}`,
    ...Option.toArray(uri.lud16).map((address) => `lud16=${encodeURIComponent(address)}`)
  ]
  return Redacted.make(`nostr+walletconnect://${uri.wallet}?${parameters.join("&")}`, {
    label: "nwc uri"
  })
}

const isRelayUrl = (url: string): boolean => /^wss?:\/\//i.test(url) && URL.canParse(url)

const invalid = (message: string) =>
  Result.fail(new InvalidNwcUri({ message: `not a wallet connection URI: ${message}` }))
