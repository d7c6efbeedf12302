/** `farthing agent`: those who live on their own money. */
import { Command } from "effect/cli"
import * as Market from "../Market.ts"
import { approve, deny } from "./agent/Approve.ts"
import * as Fund from "./agent/Fund.ts"
import * as Goal from "./agent/Goal.ts"
import * as List from "./agent/List.ts"
import * as New from "./agent/New.ts"
import { pause, resume } from "./agent/Pause.ts"
import * as ShowAgent from "./agent/Show.ts"
import * as Tick from "./agent/Tick.ts"
import * as Watch from "./agent/Watch.ts"

// Each takes its own surroundings: of one layer within another only the outer is ever built.
export const command = Command.make("agent", {}, List.run).pipe(
  Command.withDescription("Make, fund and watch agents that live on their own money"),
  Command.provide(Market.keeper),
  Command.withSubcommands([
    Command.provide(New.command, Market.founder),
    Command.provide(List.command, Market.keeper),
    Command.provide(ShowAgent.command, Market.keeper),
    Command.provide(Tick.command, Market.agents),
    Command.provide(Watch.command, Market.agents),
    Command.provide(Fund.command, Market.keeper),
    Command.provide(Goal.command, Market.keeper),
    Command.provide(pause, Market.keeper),
    Command.provide(resume, Market.keeper),
    Command.provide(approve, Market.keeper),
    Command.provide(deny, Market.keeper)
  ])
)
