/** `farthing budget`: what may be spent, the brake, and the audit. */
import { Command } from "effect/cli"
import * as Market from "../Market.ts"
import * as Audit from "./budget/Audit.ts"
import { freeze, unfreeze } from "./budget/Freeze.ts"
import * as Status from "./budget/Status.ts"

// Each takes its own surroundings: of one layer within another only the outer is ever built.
export const command = Command.make("budget", {}, Status.show).pipe(
  Command.withDescription("Show what may be spent, what was spent and what is held"),
  Command.provide(Market.onlooker),
  Command.withSubcommands([Audit.command, freeze, unfreeze])
)
