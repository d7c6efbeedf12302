/** The configuration file that a newcomer gets: everything that can be set, explained. */
import type { Network } from "@farthing/protocol"
import * as Sections from "./Sections.ts"
import type * as Setting from "./Setting.ts"

export interface Options {
  readonly network: Network.Network
  readonly relays: ReadonlyArray<string>
  readonly walletKind: "nwc" | "spark"
  /** The secret file with the wallet's connection URI, if there is one. */
  readonly nwcUriFile?: string
  /** The secret file with the words of the identity, which are a Spark wallet's too. */
  readonly identityMnemonicFile?: string
  /** The secret file with the words of the Spark wallet alone. */
  readonly walletMnemonicFile?: string
}

/** Nobody should begin without limits: these are written, and not only shown. */
const recommended: ReadonlyArray<keyof typeof Sections.sections.runway> = [
  "daily_limit_sats",
  "per_tick_limit_sats",
  "per_job_limit_sats",
  "per_provider_daily_sats",
  "first_spend_limit_sats",
  "unproven_daily_limit_sats",
  "max_unresolved_sats"
]

const headings: Readonly<Record<Sections.SectionName, string>> = {
  identity: "Who you are on Nostr.",
  relays: "Where buyers and sellers meet.",
  wallet: "What you pay and are paid with.",
  runway:
    "What may be spent. A limit that is left out does not exist; 0 means that nothing may be spent.",
  compute: "How results are bought.",
  provider: "What you sell, if you run a provider.",
  agent: "How an agent lives, unless its own section says otherwise.",
  worker: "What runs as a service.",
  telemetry: "For those who watch."
}

/** JSON's strings, numbers and booleans are TOML's, and so are lists of them. */
const toml = (value: unknown): string =>
  Array.isArray(value) ? `[${value.map(toml).join(", ")}]` : JSON.stringify(value)

/** Nobody has one before it is made. */
const anAgent = [
  "",
  "# Each agent has a name, and a section with what [agent] and [runway] do not say of it.",
  "# [agents.alice]",
  ...Object.entries(Sections.own).map(([key, { about, sample }]) =>
    `#   ${key} = ${toml(sample)}`.padEnd(46).concat(` # ${about}`)
  )
]

/** The text of a commented `farthing.toml`. What is commented out shows the default. */
export const render = (options: Options): string => {
  const chosen: Readonly<Record<string, unknown>> = {
    network: options.network,
    "relays.urls": options.relays,
    "wallet.kind": options.walletKind,
    "identity.mnemonic_file": options.identityMnemonicFile,
    "wallet.nwc_uri_file": options.nwcUriFile,
    "wallet.mnemonic_file": options.walletMnemonicFile,
    // Other programs begin to count elsewhere: written down, nobody has to guess.
    "wallet.account": options.walletKind === "spark" ? 0 : undefined,
    ...Object.fromEntries(
      recommended.map((key) => [`runway.${key}`, Sections.sections.runway[key].sample])
    )
  }
  const keys = (section: string, settings: Setting.Section) =>
    Object.entries(settings).map(([key, { about, sample }]) => {
      const value = chosen[section + key]
      const line = value === undefined ? `# ${key} = ${toml(sample)}` : `${key} = ${toml(value)}`
      return `${line.padEnd(46)} # ${about}`
    })
  return [
    "# Every key can be overridden by the environment: FARTHING_, section and key in capitals,",
    "# such as FARTHING_RUNWAY_DAILY_LIMIT_SATS. Secrets stand in the environment or in files of",
    "# mode 0600, never here.",
    "",
    ...keys("", Sections.root),
    ...Object.entries(Sections.sections).flatMap(([name, settings]) => [
      "",
      `# ${headings[name as Sections.SectionName]}`,
      `[${name}]`,
      ...keys(`${name}.`, settings),
      ...(name === "agent" ? anAgent : [])
    ]),
    ""
  ].join("\n")
}
