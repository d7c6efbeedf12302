/**
 * The words that keys follow from (BIP-39, English, no passphrase): one mnemonic has two key trees,
 * that of the identity (NIP-06) and that of a Spark wallet.
 */
import { Key } from "@farthing/protocol"
import { Effect, Redacted } from "effect"

/** What may stand where words are asked for. */
export const expected = "12 to 24 English words of BIP-39, in their order"

/** Twelve new words. */
export const generate = Key.generateMnemonic

/** The words with one blank between them, as every program derives from them. */
export const parse = (
  text: Redacted.Redacted<string>
): Effect.Effect<Redacted.Redacted<string>, Key.InvalidKey> => {
  const words = Redacted.make(wordsOf(text).join(" "), { label: "mnemonic" })
  return Effect.as(Key.fromMnemonic(words), words)
}

export const wordsOf = (mnemonic: Redacted.Redacted<string>): ReadonlyArray<string> =>
  Redacted.value(mnemonic).normalize("NFKD").trim().toLowerCase().split(/\s+/)

/**
 * The identity key (33 bytes in hex) of the Spark wallet that follows from the words, at
 * `m/8797555'/<account>'/0'`: it says which wallet it is, before the wallet is open.
 */
export const sparkIdentity = (mnemonic: Redacted.Redacted<string>, account: number) =>
  Effect.map(
    Effect.promise(() => import("./mnemonic/SparkKey.ts")),
    (SparkKey) => SparkKey.identity(Redacted.value(mnemonic), account)
  )
