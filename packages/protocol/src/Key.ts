/**
 * Nostr keys: x-only public keys and secret keys, in hex and in the bech32 forms of NIP-19,
 * and the derivation from a BIP-39 mnemonic of NIP-06.
 */
import { bech32 } from "@scure/base"
import { Effect, Redacted, Result, Schema } from "effect"
import { randomBytes } from "node:crypto"
import * as Hex from "./Hex.ts"
import * as Secp256k1 from "./Secp256k1.ts"

/** An x-only public key (BIP-340) in hex. */
export const PublicKey = Hex.ofBytes(32).pipe(Schema.brand("PublicKey"))
export type PublicKey = typeof PublicKey.Type

/** A secret key in hex, redacted wherever it is printed. */
export type SecretKey = Redacted.Redacted<string>

/** Why a text is no key. Never holds the text, which may be a secret. */
export class InvalidKey extends Schema.TaggedError<InvalidKey>()("InvalidKey", {
  message: Schema.String
}) {}

/** The 32 bytes of a secret key, for what signs or derives with it. */
export const secretBytes = (secretKey: SecretKey): Uint8Array =>
  Hex.toBytes(Redacted.value(secretKey))

/** The public key of a secret key; computed once for each `SecretKey`. */
export const publicKeyOf = (secretKey: SecretKey): PublicKey => keyPairOf(secretKey).publicKey

/**
 * BIP-340 over a 32-byte message, deterministic. What depends on the key alone is computed once
 * for each `SecretKey`.
 */
export const sign = (secretKey: SecretKey, message: Uint8Array): Uint8Array =>
  keyPairOf(secretKey).sign(message)

/** A public key written as `npub1…` (NIP-19) or in hex; it has to be a point on the curve. */
export const parsePublic = (text: string): Result.Result<PublicKey, InvalidKey> => {
  const bytes = bytesOf("npub", text)
  return bytes !== undefined && Secp256k1.isPublicKey(bytes)
    ? Result.succeed(Hex.fromBytes(bytes) as PublicKey)
    : invalid("not a public key: expected npub1… or 64 hex digits")
}

/** A secret key written as `nsec1…` (NIP-19) or in hex; it has to be in 1..n−1. */
export const parseSecret = (
  text: Redacted.Redacted<string>
): Result.Result<SecretKey, InvalidKey> => {
  const bytes = bytesOf("nsec", Redacted.value(text))
  return bytes !== undefined && Secp256k1.isSecretKey(bytes)
    ? Result.succeed(fromBytes(bytes))
    : invalid("not a secret key: expected nsec1… or 64 hex digits")
}

/** `npub1…` (NIP-19). */
export const formatPublic = (publicKey: PublicKey): string =>
  bech32.encodeFromBytes("npub", Hex.toBytes(publicKey))

/** `nsec1…` (NIP-19). */
export const formatSecret = (secretKey: SecretKey): Redacted.Redacted<string> =>
  Redacted.make(bech32.encodeFromBytes("nsec", secretBytes(secretKey)))

/** A new secret key from the system's randomness. */
export const generate = (): SecretKey => {
  const bytes = randomBytes(32)
  return Secp256k1.isSecretKey(bytes) ? fromBytes(bytes) : generate()
}

/** A new BIP-39 mnemonic of 12 English words from the system's randomness. */
export const generateMnemonic: Effect.Effect<Redacted.Redacted<string>> = Effect.map(
  Effect.promise(() => import("./key/Mnemonic.ts")),
  (Mnemonic) => Redacted.make(Mnemonic.generate())
)

/**
 * BIP-39: the seed of an English mnemonic (12 to 24 words, no passphrase), 64 bytes from which
 * every wallet derives its keys by paths of its own.
 */
export const seedOf = (
  mnemonic: Redacted.Redacted<string>
): Effect.Effect<Redacted.Redacted<Uint8Array>, InvalidKey> =>
  Effect.flatMap(
    Effect.promise(() => import("./key/Mnemonic.ts")),
    (Mnemonic) => {
      const seed = Mnemonic.seedOf(Redacted.value(mnemonic))
      return seed === undefined
        ? Effect.fail(new InvalidKey({ message: notMnemonic }))
        : Effect.succeed(Redacted.make(seed))
    }
  )

/**
 * NIP-06: the key at `m/44'/1237'/<account>'/0/0` of an English BIP-39 mnemonic (12 to 24 words,
 * no passphrase).
 */
export const fromMnemonic = (
  mnemonic: Redacted.Redacted<string>,
  account = 0
): Effect.Effect<SecretKey, InvalidKey> =>
  Effect.flatMap(
    Effect.promise(() => import("./key/Mnemonic.ts")),
    (Mnemonic) => {
      if (!Mnemonic.isAccount(account)) return Effect.fail(new InvalidKey({ message: notAccount }))
      const bytes = Mnemonic.derive(Redacted.value(mnemonic), account)
      return bytes === undefined
        ? Effect.fail(new InvalidKey({ message: notMnemonic }))
        : Effect.succeed(fromBytes(bytes))
    }
  )

const notAccount = "not an account number: expected 0 to 2147483647"
const notMnemonic =
  "not a mnemonic: expected 12 to 24 English words of BIP-39 whose checksum is right"

const fromBytes = (bytes: Uint8Array): SecretKey => Redacted.make(Hex.fromBytes(bytes))

const invalid = (message: string) => Result.fail(new InvalidKey({ message }))

/** The 32 bytes written in hex or in bech32 with this prefix; white space around is ignored. */
const bytesOf = (prefix: string, written: string): Uint8Array | undefined => {
  const text = written.trim()
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Hex.toBytes(text)
  const decoded = bech32.decodeUnsafe(text, 90)
  if (decoded === undefined || decoded.prefix !== prefix) return undefined
  const bytes = bech32.fromWordsUnsafe(decoded.words)
  return bytes !== undefined && bytes.length === 32 ? bytes : undefined
}

interface KeyPair {
  readonly publicKey: PublicKey
  readonly sign: (message: Uint8Array) => Uint8Array
}

const keyPairs = new WeakMap<SecretKey, KeyPair>()

const keyPairOf = (secretKey: SecretKey): KeyPair => {
  const known = keyPairs.get(secretKey)
  if (known !== undefined) return known
  const secret = secretBytes(secretKey)
  const keyPair: KeyPair = {
    publicKey: Hex.fromBytes(Secp256k1.publicKey(secret)) as PublicKey,
    sign: Secp256k1.schnorrSigner(secret)
  }
  keyPairs.set(secretKey, keyPair)
  return keyPair
}
