/** The command tree. */
import { Command } from "effect/cli"
import manifest from "../package.json" with { type: "json" }
import * as Agent from "./commands/Agent.ts"
import * as Ask from "./commands/Ask.ts"
import * as Budget from "./commands/Budget.ts"
import * as Demo from "./commands/Demo.ts"
import * as Dev from "./commands/Dev.ts"
import * as Doctor from "./commands/Doctor.ts"
import * as Init from "./commands/Init.ts"
import * as Jobs from "./commands/Jobs.ts"
import * as Provider from "./commands/Provider.ts"
import * as Providers from "./commands/Providers.ts"
import * as Receipts from "./commands/Receipts.ts"
import * as Wallet from "./commands/Wallet.ts"
import * as Options from "./Options.ts"

export const version = manifest.version

export const farthing = Command.make("farthing").pipe(
  Command.withDescription(
    "Buy and sell inference over Nostr, paid in Bitcoin, held in check by a budget"
  ),
  Command.withSubcommands([
    Demo.command,
    Init.command,
    Doctor.command,
    Providers.command,
    Ask.command,
    Jobs.command,
    Receipts.command,
    Budget.command,
    Wallet.command,
    Provider.command,
    Agent.command,
    Dev.command
  ]),
  Command.withGlobalFlags([Options.Json, Options.ConfigFile])
)
