/** The bank of a town: all who open its book have to agree on its terms. */
import { Devnet } from "@farthing/devnet"
import { Msat } from "@farthing/protocol"
import { BankBook } from "@farthing/wallet"

/** What it takes for each payment: odd, so that no msat gets lost unseen. */
const fees = { base: Msat.make(137), ppm: 1_000 }

export const layer = BankBook.layer({ network: Devnet.network, fees })
