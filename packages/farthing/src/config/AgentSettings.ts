/** The agents that are configured: who each of them is, and what it may spend. */
import type { Charter } from "@farthing/agent/Charter"
import { Option, type Redacted } from "effect"
import * as RunwaySettings from "./RunwaySettings.ts"
import * as Sections from "./Sections.ts"
import * as Setting from "./Setting.ts"
import type * as Sources from "./Sources.ts"

export interface AgentSettings {
  /** What it is called here, and in its profile. */
  readonly name: string
  readonly charter: Charter
  readonly key: KeySource
  /** A wallet of its own: its connection URI, or the file that holds it. */
  readonly nwc: Option.Option<SecretSource>
  readonly runway: RunwaySettings.RunwaySettings
}

/** Where an agent's key comes from: an account of the identity's words, or a secret of its own. */
export type KeySource =
  | { readonly _tag: "Account"; readonly account: number }
  | { readonly _tag: "Nsec"; readonly nsec: SecretSource }

/** Paths are absolute. */
export type SecretSource =
  | { readonly _tag: "Given"; readonly secret: Redacted.Redacted<string>; readonly source: string }
  | { readonly _tag: "File"; readonly path: string }

/** What the sections are read with. */
interface Surroundings {
  /** Where the values come from, for messages. */
  readonly source: string
  /** Names of files are relative to the folder of the configuration. */
  readonly inFolder: (name: Option.Option<string>) => Option.Option<string>
  readonly agent: Setting.Values<typeof Sections.sections.agent>
  readonly runway: Setting.Values<typeof Sections.sections.runway>
}

/** Everybody, in the order of the file; no two with one account. */
export const read = (
  reader: Sources.Reader,
  { agent, inFolder, runway, source }: Surroundings
): ReadonlyArray<AgentSettings> => {
  const settings = Setting.fallingBackTo(Sections.families.agents, { ...runway, ...agent })
  const accounts = new Map<number, string>()

  const problem = (key: string, value: string, expected: string): void => {
    reader.problems.push({ _tag: "WrongValue", source, key, value, expected })
  }

  return reader.names("agents").flatMap((name): ReadonlyArray<AgentSettings> => {
    const section = `agents.${name}` as const
    const said = reader.section(section, settings)
    const secretOf = (key: string, file: Option.Option<string>): Option.Option<SecretSource> =>
      Option.orElse(
        Option.map(reader.secret(section, key), (secret): SecretSource => ({
          _tag: "Given",
          secret,
          source: `${section}.${key}`
        })),
        () => Option.map(inFolder(file), (path): SecretSource => ({ _tag: "File", path }))
      )

    const nsec = Option.map(secretOf("nsec", said.nsec_file), (nsec): KeySource => ({
      _tag: "Nsec",
      nsec
    }))
    const account = Option.map(said.account, (account): KeySource => ({ _tag: "Account", account }))
    const key = Option.orElse(nsec, () => account)
    if (Option.isNone(key)) {
      problem(section, "without a key", "account, a number of its own, or nsec_file")
      return []
    }
    if (Option.isSome(nsec) && Option.isSome(account)) {
      problem(section, "with two keys", "either account or nsec_file")
      return []
    }
    if (Option.isSome(said.account)) {
      const other = accounts.get(said.account.value)
      if (other !== undefined)
        problem(
          `${section}.account`,
          String(said.account.value),
          `a number of its own: agents.${other} has this one`
        )
      accounts.set(said.account.value, name)
    }
    return [
      {
        name,
        charter: charterOf(name, said),
        key: key.value,
        nwc: secretOf("nwc_uri", said.nwc_uri_file),
        runway: RunwaySettings.of(said)
      }
    ]
  })
}

const charterOf = (
  name: string,
  said: Setting.Values<typeof Sections.sections.agent>
): Charter => ({
  name,
  about: said.about,
  heartbeatSeconds: said.heartbeat_seconds,
  jitter: said.jitter,
  triggers: said.triggers,
  autonomy: said.autonomy,
  trusted: said.trusted,
  trustedNodes: said.trusted_nodes,
  channels: said.channels,
  directMessages: said.direct_messages,
  trajectory: said.trajectory,
  maxTokens: said.max_tokens,
  ...Option.match(said.business_hours, {
    onNone: () => ({}),
    onSome: (businessHours) => ({ businessHours })
  }),
  ...Option.match(said.model, { onNone: () => ({}), onSome: (model) => ({ model }) })
})
