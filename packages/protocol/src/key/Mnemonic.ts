/** BIP-39 and NIP-06, in a module of their own because their libraries are slow to load. */
import { HDKey } from "@scure/bip32"
import { generateMnemonic, validateMnemonic } from "@scure/bip39"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import { pbkdf2Sync } from "node:crypto"

/** 128 bits of the system's randomness as 12 words. */
export const generate = (): string => generateMnemonic(wordlist, 128)

/** BIP-32: hardened indices have 31 bits. */
export const isAccount = (account: number): boolean =>
  Number.isInteger(account) && account >= 0 && account < 2 ** 31

/** BIP-39, without a passphrase; none if the mnemonic's words or its checksum are wrong. */
export const seedOf = (mnemonic: string): Uint8Array | undefined => {
  const words = mnemonic.normalize("NFKD").trim().split(/\s+/).join(" ")
  return validateMnemonic(words, wordlist)
    ? pbkdf2Sync(words, "mnemonic", 2048, 64, "sha512")
    : undefined
}

/** The secret key at NIP-06's path; none if the mnemonic's words or its checksum are wrong. */
export const derive = (mnemonic: string, account: number): Uint8Array | undefined => {
  const seed = seedOf(mnemonic)
  if (seed === undefined) return undefined
  return HDKey.fromMasterSeed(seed).derive(`m/44'/1237'/${account}'/0/0`).privateKey ?? undefined
}
