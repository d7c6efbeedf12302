/** The Bitcoin network that an amount lives on; amounts of two networks never meet. */
import { Schema } from "effect"

export const Network = Schema.Literals(["mainnet", "testnet", "signet", "regtest"])

export type Network = typeof Network.Type
