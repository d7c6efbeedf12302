/** `farthing wallet`: what is in it, how to fill it, what it pays, and what moved. */
import { Command } from "effect/cli"
import * as Market from "../Market.ts"
import * as Address from "./wallet/Address.ts"
import * as Balance from "./wallet/Balance.ts"
import * as History from "./wallet/History.ts"
import * as Invoice from "./wallet/Invoice.ts"
import * as Pay from "./wallet/Pay.ts"

// Each takes its own surroundings: of one layer within another only the outer is ever built.
export const command = Command.make("wallet", {}, Balance.show).pipe(
  Command.withDescription("Show what can be spent, fill the wallet, pay, list what moved"),
  Command.provide(Market.wallet),
  Command.withSubcommands([
    Command.provide(Balance.command, Market.wallet),
    Command.provide(Address.command, Market.wallet),
    Command.provide(Invoice.command, Market.wallet),
    Command.provide(Pay.command, Market.spender),
    Command.provide(History.command, Market.wallet)
  ])
)
