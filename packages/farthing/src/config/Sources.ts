/**
 * Where the values come from: the environment first, then the file. Whatever stands in either
 * and is read by nobody is a problem, because a mistyped limit is money.
 */
import { Effect, FileSystem, Option, Predicate, Record, Redacted, Result, Struct } from "effect"
import { Toml } from "effect/encoding"
import { expectedName, isName } from "./AgentSections.ts"
import { type Problem, shown, shownName } from "./Problem.ts"
import * as Sections from "./Sections.ts"
import type * as Setting from "./Setting.ts"
import * as Suggestion from "./Suggestion.ts"

export type Variables = { readonly [name: string]: string | undefined }

type Table = { readonly [key: string]: unknown }

/** What a file says, and how it is called in messages. */
export interface File {
  readonly source: string
  readonly table: Table
}

export interface Sources {
  readonly file: File
  readonly environment: Variables
}

const environmentSource = "environment"

/** Keys whose section is written in no brackets. */
const rootSection = ""

const sectionsWithRoot: { readonly [name: string]: Setting.Section } = {
  [rootSection]: Sections.root,
  ...Sections.sections
}

const sectionsAndFamilies = { ...Sections.sections, ...Sections.families }

/** A section of a family is written `[<family>.<name>]`. */
export type Section = Sections.SectionName | `${Sections.FamilyName}.${string}`

const familyOf = (section: string): Sections.FamilyName | undefined =>
  Struct.keys(Sections.families).find((family) => section.startsWith(`${family}.`))

const settingsOf = (section: string): Setting.Section => {
  const family = familyOf(section)
  return family === undefined ? (sectionsWithRoot[section] ?? {}) : Sections.families[family]
}

const secretsOf = (section: string): ReadonlyArray<string> => {
  const kind = familyOf(section) ?? section
  return Object.entries(Sections.secrets).find(([name]) => name === kind)?.[1] ?? []
}

/** What stands in a section of the file. */
const tableOf = ({ table }: File, section: string): unknown =>
  section === rootSection
    ? table
    : section
        .split(".")
        .reduce<unknown>(
          (at, name) => (isTable(at) && Object.hasOwn(at, name) ? at[name] : undefined),
          table
        )

/** The names of a family's sections in the file. */
const namesIn = (file: File, family: Sections.FamilyName): ReadonlyArray<string> => {
  const table = tableOf(file, family)
  return isTable(table) ? Object.keys(table).filter(isName) : []
}

/** How a key is written in messages: `runway.daily_limit_sats`. */
const fullKey = (section: string, key: string): string =>
  section === rootSection ? key : `${section}.${key}`

/** `FARTHING_`, the section and the key in capitals. */
export const variableOf = (section: string, key: string): string =>
  `FARTHING_${section === rootSection ? "" : `${section}_`}${key}`
    .replaceAll(/[.-]/g, "_")
    .toUpperCase()

/** The TOML file at a path. The text of the file, which may hold a secret, is never shown. */
export const readFile = Effect.fnUntraced(function* (path: string) {
  const fileSystem = yield* FileSystem.FileSystem
  const text = yield* fileSystem
    .readFileString(path)
    .pipe(Effect.mapError((error) => unreadable(path, `cannot be read (${error.reason._tag})`)))
  const table = yield* Effect.fromResult(
    Result.mapError(Toml.parse(text), (error) =>
      unreadable(
        path,
        `is no TOML: ${error.message.replace(/'([^']*)'/g, (_, quoted: string) => shown(quoted))}`
      )
    )
  )
  return { source: path, table } satisfies File
})

const unreadable = (source: string, message: string): Problem => ({
  _tag: "UnreadableFile",
  source,
  message
})

/** What nobody reads, and secrets that anybody may read. */
const strangers = ({ environment, file }: Sources): Array<Problem> => [
  ...Object.entries(file.table).flatMap(([name, value]) =>
    strangersInFile(file.source, name, value)
  ),
  ...Object.keys(environment).flatMap((name) => strangeVariable(file, name))
]

const strangersInFile = (source: string, name: string, value: unknown): ReadonlyArray<Problem> => {
  if (Object.hasOwn(Sections.root, name)) return []
  if (Object.hasOwn(Sections.families, name) && isTable(value))
    return Object.entries(value).flatMap(([member, table]) =>
      isName(member)
        ? strangersInSection(source, `${name}.${member}`, table)
        : [wrongName(source, name, member)]
    )
  if (!Object.hasOwn(sectionsAndFamilies, name)) {
    const known = [...Object.keys(Sections.root), ...Object.keys(sectionsAndFamilies)]
    return [unknown(source, name, Suggestion.nearest(name, known) ?? sectionWith(name))]
  }
  return strangersInSection(source, name, value)
}

const strangersInSection = (source: string, name: string, value: unknown): ReadonlyArray<Problem> =>
  isTable(value)
    ? Object.keys(value).flatMap((key) => strangeKey(source, name, key))
    : [
        {
          _tag: "WrongValue",
          source,
          key: name,
          value: shown(value),
          expected: Object.hasOwn(Sections.families, name)
            ? `sections such as [${name}.alice]`
            : `a section [${name}]`
        }
      ]

const wrongName = (source: string, family: string, name: string): Problem => ({
  _tag: "WrongValue",
  source,
  key: family,
  value: shownName(name),
  expected: expectedName
})

const strangeKey = (source: string, section: string, key: string): ReadonlyArray<Problem> => {
  const known = Object.keys(settingsOf(section))
  if (known.includes(key)) return []
  if (secretsOf(section).includes(key))
    return [
      {
        _tag: "MisplacedSecret",
        source,
        key: fullKey(section, key),
        remedy: `set ${variableOf(section, key)}, or put it into a file of mode 0600 and name that in ${section}.${key}_file`
      }
    ]
  const near = Suggestion.nearest(key, known)
  return [
    unknown(
      source,
      fullKey(section, key),
      near === undefined ? sectionWith(key) : fullKey(section, near)
    )
  ]
}

/** The full name of a key that stands in the wrong section. */
const sectionWith = (key: string): string | undefined =>
  Object.entries(sectionsWithRoot)
    .filter(([, settings]) => Object.hasOwn(settings, key))
    .map(([section]) => fullKey(section, key))[0]

const knownVariables = Object.entries(sectionsWithRoot).flatMap(([section, settings]) =>
  [...Object.keys(settings), ...secretsOf(section)].map((key) => variableOf(section, key))
)

const sectionPrefixes = Object.keys(sectionsAndFamilies).map((name) => variableOf(name, ""))

/** Of the sections that there are in the file: nobody else is heard. */
const familyVariables = (file: File, family: Sections.FamilyName): ReadonlyArray<string> =>
  namesIn(file, family).flatMap((name) =>
    [...Object.keys(Sections.families[family]), ...secretsOf(`${family}.${name}`)].map((key) =>
      variableOf(`${family}.${name}`, key)
    )
  )

const isOurs = (variable: string): boolean => variable.startsWith("FARTHING_")

/**
 * A variable of a section has to be one of its keys. Other names that begin with `FARTHING_`
 * belong to other programs, unless they are nearly one of ours.
 */
const strangeVariable = (file: File, name: string): ReadonlyArray<Problem> => {
  if (knownVariables.includes(name)) return []
  const family = Struct.keys(Sections.families).find((it) => name.startsWith(variableOf(it, "")))
  if (family !== undefined) {
    const known = familyVariables(file, family)
    return known.includes(name)
      ? []
      : [unknown(environmentSource, name, Suggestion.nearest(name, known))]
  }
  if (sectionPrefixes.some((prefix) => name.startsWith(prefix)))
    return [unknown(environmentSource, name, Suggestion.nearest(name, knownVariables))]
  const near = knownVariables.find((known) => Suggestion.distance(name, known) <= 2)
  return near === undefined ? [] : [unknown(environmentSource, name, near)]
}

const unknown = (source: string, key: string, suggestion: string | undefined): Problem => ({
  _tag: "UnknownKey",
  source,
  key: shownName(key),
  ...(suggestion === undefined ? {} : { suggestion })
})

/**
 * Reads values and collects what is wrong with them; a wrong value reads as if it were not
 * there, so nothing that was read may be used before `problems` was found empty.
 */
export interface Reader {
  readonly section: <S extends Setting.Section>(name: string, settings: S) => Setting.Values<S>
  /** A secret of the environment. */
  readonly secret: (section: Section, key: string) => Option.Option<Redacted.Redacted<string>>
  /** The names of a family's sections, as they stand in the file. */
  readonly names: (family: Sections.FamilyName) => ReadonlyArray<string>
  /** Whether the file or the environment says anything of a section. */
  readonly mentions: (section: Sections.SectionName) => boolean
  readonly problems: Array<Problem>
}

export const makeReader = ({ environment, file }: Sources): Reader => {
  // Asking the process for a variable is slow, and there may be thousands of sections.
  const sources = { environment: Record.filter(environment, (_, name) => isOurs(name)), file }
  const named = Object.keys(sources.environment)
  const problems = strangers(sources)
  const valueOf = <A>(section: string, key: string, setting: Setting.Setting<A>): A =>
    Result.getOrElse(readKey(sources, section, key, setting), (problem) => {
      problems.push(problem)
      return setting.fallback
    })
  return {
    problems,
    section: <S extends Setting.Section>(name: string, settings: S) => {
      const table = tableOf(file, name)
      const prefix = variableOf(name, "")
      const mayBeNamed = named.some((variable) => variable.startsWith(prefix))
      return Record.map(settings, (setting, key) =>
        mayBeNamed || (isTable(table) && Object.hasOwn(table, key))
          ? valueOf(name, key, setting)
          : setting.fallback
      ) as Setting.Values<S>
    },
    names: (family) => namesIn(sources.file, family),
    mentions: (section) =>
      Object.hasOwn(sources.file.table, section) ||
      Object.keys(Sections.sections[section]).some(
        (key) => sources.environment[variableOf(section, key)] !== undefined
      ),
    secret: (section, key) =>
      Result.getOrElse(readSecret(sources, section, key), (problem) => {
        problems.push(problem)
        return Option.none()
      })
  }
}

const readKey = <A>(
  { environment, file }: Sources,
  section: string,
  key: string,
  setting: Setting.Setting<A>
): Result.Result<A, Problem> => {
  const name = variableOf(section, key)
  const variable = environment[name]
  const table = tableOf(file, section)
  if (variable !== undefined)
    return decode(setting, setting.fromText(variable), () => ({
      source: environmentSource,
      key: name,
      value: shown(variable)
    }))
  if (!isTable(table) || !Object.hasOwn(table, key)) return Result.succeed(setting.fallback)
  return decode(setting, table[key], () => ({
    source: file.source,
    key: fullKey(section, key),
    value: shown(table[key])
  }))
}

const decode = <A>(
  setting: Setting.Setting<A>,
  value: unknown,
  place: () => { readonly source: string; readonly key: string; readonly value: string }
): Result.Result<A, Problem> =>
  Result.fromOption(setting.decode(value), () => ({
    _tag: "WrongValue",
    ...place(),
    expected: setting.expected
  }))

/** A secret of the environment; an empty one is a problem, because something else was meant. */
const readSecret = (
  { environment }: Sources,
  section: Section,
  key: string
): Result.Result<Option.Option<Redacted.Redacted<string>>, Problem> => {
  const name = variableOf(section, key)
  const value = environment[name]
  if (value === undefined) return Result.succeed(Option.none())
  return value.trim() === ""
    ? Result.fail(wrongSecret(environmentSource, name, "a secret, or no such variable"))
    : Result.succeed(Option.some(Redacted.make(value.trim(), { label: name })))
}

/** A secret that is none; it is not shown. */
export const wrongSecret = (source: string, key: string, expected: string): Problem => ({
  _tag: "WrongValue",
  source,
  key,
  value: "(not shown)",
  expected
})

const isTable = (value: unknown): value is Table =>
  Predicate.isObject(value) && !Array.isArray(value) && !(value instanceof Date)
