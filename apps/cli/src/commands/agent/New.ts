/** `farthing agent new`: somebody who lives on money of its own, within limits of its own. */
import { AgentBook, Charter } from "@farthing/agent"
import { Key, Msat, Sat } from "@farthing/protocol"
import { Effect, Option, Path } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { Config, Identity, SecretFile } from "farthing"
import * as AgentSections from "farthing/config/AgentSections"
import * as AgentSection from "../../agent/AgentSection.ts"
import * as Options from "../../Options.ts"
import { Output } from "../../Output.ts"
import * as Show from "../../Show.ts"
import { UsageError } from "../../UsageError.ts"

const name = Argument.String("name").pipe(
  Argument.withDescription("What it is called here, and by the world"),
  Argument.filter(
    AgentSections.isName,
    (name) => `Expected ${AgentSections.expectedName}, got ${JSON.stringify(name)}`
  )
)

const sats = (name: string) =>
  Options.whole(name, { minimum: 0, maximum: Sat.fromMsatFloor(Msat.most) })

const flags = {
  about: Flag.String("about").pipe(
    Flag.withDescription("What it is for, in your words; stands in every prompt"),
    Flag.filter(
      ({ length }) => length <= 4_000,
      ({ length }) => `Expected at most 4,000 characters, got ${length}`
    ),
    Flag.optional
  ),
  heartbeatSeconds: Options.whole("heartbeat-seconds", {
    minimum: 1,
    maximum: 31_536_000
  }).pipe(Flag.withDescription("How often it thinks of itself"), Flag.optional),
  autonomy: Flag.Literals("autonomy", Charter.Autonomy.literals).pipe(
    Flag.withDescription("What it may do without asking you"),
    Flag.optional
  ),
  dailyLimitSats: sats("daily-limit-sats").pipe(
    Flag.withDescription("The most that it may spend in a day"),
    Flag.withDefault(500)
  ),
  perTickLimitSats: sats("per-tick-limit-sats").pipe(
    Flag.withDescription("The most that one tick may cost"),
    Flag.withDefault(50)
  ),
  hibernateThresholdSats: sats("hibernate-threshold-sats").pipe(
    Flag.withDescription("It sleeps when it has less"),
    Flag.withDefault(100)
  ),
  nwcUriFile: Flag.String("nwc-uri-file").pipe(
    Flag.withDescription("A file of mode 0600 with the connection to a wallet of its own"),
    Flag.optional
  )
}

type Input = Command.Command.Config.Infer<typeof flags>

/** The configuration that there is; without one nothing limits what is spent. */
const configuration = Effect.gen(function* () {
  const { file } = yield* Config.Config
  return yield* Effect.mapError(
    Effect.fromOption(file),
    () =>
      new UsageError({ message: "there is no configuration yet: make one with `farthing init`" })
  )
})

/** A number that nobody has, nor ever had here: with it goes a key, and a Spark wallet. */
const freeAccount = Effect.gen(function* () {
  const { agents, wallet } = yield* Config.Config
  const { members } = yield* AgentBook.AgentBook
  const used = [
    wallet.account,
    ...agents.flatMap(({ key }) => (key._tag === "Account" ? [key.account] : [])),
    ...(yield* members.all).flatMap(({ account }) => (account === undefined ? [] : [account]))
  ]
  return Math.max(0, ...used) + 1
})

/** What the section says of its key, and what a person has to know of it. */
const makeKey = Effect.fnUntraced(function* (name: string, folder: string) {
  const words = yield* Identity.findMnemonic
  if (Option.isSome(words)) {
    const account = yield* freeAccount
    const key = yield* Key.fromMnemonic(words.value, account)
    return { entries: { account }, key, told: `account ${account} of the identity's words` }
  }
  const path = yield* Path.Path
  const file = `${name}.nsec`
  const place = path.join(folder, file)
  const created = yield* SecretFile.create(place, Key.formatSecret(Key.generate()), "new")
  const key = yield* Effect.flatMap(SecretFile.read(place), (text) =>
    Effect.fromResult(Key.parseSecret(text))
  )
  return {
    entries: { nsec_file: file },
    key,
    told: `${place} (${created ? "keep it: nobody can restore it" : "as it was there already"})`
  }
})

/** Names of files are relative to the configuration, and shells know only the folder they are in. */
const walletEntries = Effect.fnUntraced(function* (file: Option.Option<string>) {
  if (Option.isNone(file)) return {}
  const path = yield* Path.Path
  yield* Effect.mapError(
    SecretFile.read(file.value),
    ({ message }) => new UsageError({ message: `--nwc-uri-file: ${message}` })
  )
  return { nwc_uri_file: path.resolve(file.value) }
})

const entriesOf = (input: Input): AgentSection.Entries => ({
  ...given("about", input.about),
  ...given("heartbeat_seconds", input.heartbeatSeconds),
  ...given("autonomy", input.autonomy),
  daily_limit_sats: input.dailyLimitSats,
  per_tick_limit_sats: input.perTickLimitSats,
  hibernate_threshold_sats: input.hibernateThresholdSats
})

const given = (key: string, value: Option.Option<string | number>): AgentSection.Entries =>
  Option.match(value, { onNone: () => ({}), onSome: (value) => ({ [key]: value }) })

export const command = Command.make(
  "new",
  { name, ...flags },
  Effect.fnUntraced(function* ({ name, ...input }) {
    const output = yield* Output
    const path = yield* Path.Path
    const file = yield* configuration
    const { agents } = yield* Config.Config
    if (agents.some((agent) => agent.name === name))
      return yield* new UsageError({ message: `there is an agent ${name} already, in ${file}` })
    const wallet = yield* walletEntries(input.nwcUriFile)
    const { entries, key, told } = yield* makeKey(name, path.dirname(file))
    yield* AgentSection.append(
      file,
      AgentSection.render(name, { ...entries, ...wallet, ...entriesOf(input) })
    )
    const npub = Show.npub(Key.publicKeyOf(key))
    if (output.json) return yield* output.value({ name, npub, config: file, ...entries, ...wallet })
    yield* output.line(`agent    ${name}`)
    yield* output.line(`npub     ${npub}`)
    yield* output.line(`key      ${told}`)
    yield* output.line(`section  [agents.${name}] of ${file}`)
    yield* output.note(
      `Next: \`farthing agent fund ${name} 1000\`, then \`farthing agent watch ${name} --run\`.`
    )
  })
).pipe(
  Command.withDescription("Make an agent: a key, a section in the configuration, limits"),
  Command.withExamples([
    {
      command: 'farthing agent new heron --about "Posts what it learns about old coins."',
      description: "On the home's wallet, 500 sats a day at most"
    }
  ])
)
