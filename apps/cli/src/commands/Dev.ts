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
import * as SparkMarket from "../SparkMarket.ts"

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
  ),
  wallet: Options.marketWallet
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
  Effect.fnUntraced(function* ({ accounts, balanceSats, port, provider, settlement, wallet }) {
    const output = yield* Output
    const folder = yield* subfolder()
    const names = Array.from({ length: accounts }, (_, index) => `account-${index + 1}`)
    const balance = Sat.toMsat(Sat.make(balanceSats))
    const devnet = yield* Devnet.make({ folder, port, accounts: [house, ...names], balance })
    const people = yield* wallet === "nwc"
      ? Effect.succeed(devnet.accounts.map((account) => withAccount(devnet, account)))
      : withSpark(devnet, folder, balance)
    const [own, ...offered] = people
    const seller =
      provider && own !== undefined
        ? yield* People.seller(
            { folder: yield* subfolder("provider"), environment: own.environment },
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

/** Somebody with a wallet: how programs are told of it, and what its owner has in the environment. */
interface Person {
  readonly name: string
  readonly fields: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string>>
  /** The same for another wallet that it has. */
  readonly otherwise?: Readonly<Record<string, string>>
}

const withAccount = ({ relay }: Devnet.Shape, account: BankServer.Connection): Person => ({
  name: account.account,
  fields: { npub: account.npub, nwc: Redacted.value(account.nwc) },
  environment: Devnet.environment(relay, account)
})

/** A wallet of words beside each account of the bank, for those who want to try both. */
const withSpark = Effect.fnUntraced(function* (
  devnet: Devnet.Shape,
  folder: string,
  balance: Msat.Msat
) {
  const market = yield* SparkMarket.open({ folder, devnet, balance })
  return yield* Effect.forEach(devnet.accounts, (account) =>
    Effect.map(market.person(account.account), ({ address, environment, words }): Person => ({
      name: account.account,
      fields: {
        ...withAccount(devnet, account).fields,
        spark_address: address,
        spark_connection: market.connection,
        mnemonic: Redacted.value(words)
      },
      environment,
      otherwise: {
        FARTHING_WALLET_KIND: "nwc",
        FARTHING_WALLET_NWC_URI: Redacted.value(account.nwc)
      }
    }))
  )
})

const fields = (
  relay: string,
  people: ReadonlyArray<Person>,
  provider: Key.PublicKey | undefined
) => ({
  relay,
  accounts: people.map(({ fields }) => fields),
  ...(provider === undefined ? {} : { provider: Key.formatPublic(provider) })
})

const whatToPaste = (
  relay: string,
  people: ReadonlyArray<Person>,
  provider: Key.PublicKey | undefined
): ReadonlyArray<string> => [
  `relay     ${relay}`,
  ...(provider === undefined ? [] : [`provider  ${Show.npub(provider)}`]),
  ...people.flatMap(({ environment, name, otherwise }) => [
    "",
    `# ${name}, in a terminal of its own:`,
    ...exportsOf(environment),
    ...(otherwise === undefined ? [] : ["# or, to use its account at the bank:"]),
    ...exportsOf(otherwise ?? {}).map((line) => `# ${line}`)
  ]),
  "",
  'Then buy with `farthing ask "…"`, or sell with `farthing provider`. Ctrl-C stops the market.'
]

const exportsOf = (environment: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Object.entries(environment).map(([name, value]) => `export ${name}='${value}'`)
