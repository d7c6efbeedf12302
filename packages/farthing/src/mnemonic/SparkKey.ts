/** Spark's key tree, in a module of its own because its libraries are slow to load. */
import { HDKey } from "@scure/bip32"
import { mnemonicToSeedSync } from "@scure/bip39"

/** The public key of an identity, in hex. */
export const identity = (mnemonic: string, account: number): string =>
  Buffer.from(
    HDKey.fromMasterSeed(mnemonicToSeedSync(mnemonic)).derive(`m/8797555'/${account}'/0'`)
      .publicKey ?? []
  ).toString("hex")
