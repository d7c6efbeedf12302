/** `farthing dev`: a whole market on this machine, until it is stopped. */
import { BankServer, Devnet } from "@farthing/devnet"
import { Key, Msat, Sat, Settlement } from "@farthing/protocol"
import { Effect, FileSystem, Path, Redacted } from "effect"
import { Command, Flag } from "effect/cli"
import { Home } from "farthing"
import * as Options from "../Options.ts"
import { Output } from "../Output.ts"
import * as People from "../People.ts"
import * as Selling from "../Selling.ts"
import * as Show from "../Show.ts"

const flags = {
  port: Options.whole("port", { minimum: 0, maximum: 65_535 }).pipe(
    Flag.withDescription("Where the relay listens; 0: any free port"),
    Flag.withDefault(7777)
  ),
  accounts: Options.whole("accounts", { minimum: 1, maximum: 1_000 }).pipe(
    Flag.withDescription("How many wallets the bank offers"),
    Flag.withDefault(2)
  ),
  balanceSats: Options.whole("balance-sats", {
    minimum: 0,
    maximum: Sat.fromMsatFloor(Msat.most)
  }).pipe(Flag.withDescription("What a new account starts with"), Flag.withDefault(100_000)),
  provider: Flag.Boolean("provider").pipe(
    Flag.withDescription("Run a provider too (--no-provider: none)"),
    Flag.withDefault(true)
  ),
  settlement: Options.settlement.pipe(
    Flag.withDescription("What the provider's customers may choose from; default: everything"),
    Flag.withDefault(Settlement.Settlement.literals)
  )
}

/** The account of the market's own provider; the others are for whoever pastes them. */
const house = "provider"

/** A folder of the market's own within the home. */
const subfolder = Effect.fnUntraced(function* (...names: ReadonlyArray<string>) {
  const home = yield* Home.Home
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  const folder = path.join(home.path, "devnet", ...names)
  yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 })
  return folder
})

export const command = Command.make(
  "dev",
  flags,
  Effect.fnUntraced(function* ({ accounts, balanceSats, port, provider, settlement }) {
    const output = yield* Output
    const names = Array.from({ length: accounts }, (_, index) => `account-${index + 1}`)
    const devnet = yield* Devnet.make({
      folder: yield* subfolder(),
      port,
      accounts: [house, ...names],
      balance: Sat.toMsat(Sat.make(balanceSats))
    })
    const [own, ...offered] = devnet.accounts
    const seller =
      provider && own !== undefined
        ? yield* People.seller(
            { folder: yield* subfolder("provider"), relay: devnet.relay, account: own },
            { name: "devnet", settlement },
            undefined
          )
        : undefined
    if (output.json) yield* output.value(fields(devnet.relay, offered, seller?.publicKey))
    else
      for (const line of whatToPaste(devnet.relay, offered, seller?.publicKey))
        yield* output.line(line)
    yield* seller === undefined || output.json ? Effect.never : Selling.tell(seller)
  }, Effect.scoped)
).pipe(
  Command.withDescription("Run a relay, a bank and a provider on this machine"),
  Command.provide(Home.layer)
)

const fields = (
  relay: string,
  accounts: ReadonlyArray<BankServer.Connection>,
  provider: Key.PublicKey | undefined
) => ({
  relay,
  accounts: accounts.map(({ npub, nwc }) => ({ npub, nwc: Redacted.value(nwc) })),
  ...(provider === undefined ? {} : { provider: Key.formatPublic(provider) })
})

const whatToPaste = (
  relay: string,
  accounts: ReadonlyArray<BankServer.Connection>,
  provider: Key.PublicKey | undefined
): ReadonlyArray<string> => [
  `relay     ${relay}`,
  ...(provider === undefined ? [] : [`provider  ${Show.npub(provider)}`]),
  ...accounts.flatMap((account) => [
    "",
    `# ${account.account}, in a terminal of its own:`,
    ...Object.entries(Devnet.environment(relay, account)).map(
      ([name, value]) => `export ${name}='${value}'`
    )
  ]),
  "",
  'Then buy with `farthing ask "…"`, or sell with `farthing provider`. Ctrl-C stops the market.'
]
