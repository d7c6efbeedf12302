/**
 * Where the values come from: the environment first, then the file. Whatever stands in either
 * and is read by nobody is a problem, because a mistyped limit is money.
 */
import { Effect, FileSystem, Option, Predicate, Record, Redacted, Result } from "effect"
import { Toml } from "effect/encoding"
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

const secretsOf = (section: string): ReadonlyArray<string> =>
  Object.entries(Sections.secrets).find(([name]) => name === section)?.[1] ?? []

/** How a key is written in messages: `runway.daily_limit_sats`. */
const fullKey = (section: string, key: string): string =>
  section === rootSection ? key : `${section}.${key}`

/** `FARTHING_`, the section and the key in capitals. */
export const variableOf = (section: string, key: string): string =>
  ["FARTHING", ...(section === rootSection ? [] : [section]), key].join("_").toUpperCase()

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
  ...Object.keys(environment).flatMap(strangeVariable)
]

const strangersInFile = (source: string, name: string, value: unknown): ReadonlyArray<Problem> => {
  if (Object.hasOwn(Sections.root, name)) return []
  if (!Object.hasOwn(Sections.sections, name)) {
    const known = [...Object.keys(Sections.root), ...Object.keys(Sections.sections)]
    return [unknown(source, name, Suggestion.nearest(name, known) ?? sectionWith(name))]
  }
  if (!isTable(value))
    return [
      {
        _tag: "WrongValue",
        source,
        key: name,
        value: shown(value),
        expected: `a section [${name}]`
      }
    ]
  return Object.keys(value).flatMap((key) => strangeKey(source, name, key))
}

const strangeKey = (source: string, section: string, key: string): ReadonlyArray<Problem> => {
  const known = Object.keys(sectionsWithRoot[section] ?? {})
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

const sectionPrefixes = Object.keys(Sections.sections).map((name) => variableOf(name, ""))

/**
 * A variable of a section has to be one of its keys. Other names that begin with `FARTHING_`
 * belong to other programs, unless they are nearly one of ours.
 */
const strangeVariable = (name: string): ReadonlyArray<Problem> => {
  if (!name.startsWith("FARTHING_") || knownVariables.includes(name)) return []
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
  readonly secret: (
    section: Sections.SectionName,
    key: string
  ) => Option.Option<Redacted.Redacted<string>>
  readonly problems: Array<Problem>
}

export const makeReader = (sources: Sources): Reader => {
  const problems = strangers(sources)
  const valueOf = <A>(section: string, key: string, setting: Setting.Setting<A>): A =>
    Result.getOrElse(readKey(sources, section, key, setting), (problem) => {
      problems.push(problem)
      return setting.fallback
    })
  return {
    problems,
    section: <S extends Setting.Section>(name: string, settings: S) =>
      Record.map(settings, (setting, key) => valueOf(name, key, setting)) as Setting.Values<S>,
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
  const table = section === rootSection ? file.table : file.table[section]
  if (variable !== undefined)
    return decode(setting, setting.fromText(variable), {
      source: environmentSource,
      key: name,
      value: shown(variable)
    })
  if (!isTable(table) || !Object.hasOwn(table, key)) return Result.succeed(setting.fallback)
  return decode(setting, table[key], {
    source: file.source,
    key: fullKey(section, key),
    value: shown(table[key])
  })
}

const decode = <A>(
  setting: Setting.Setting<A>,
  value: unknown,
  place: { readonly source: string; readonly key: string; readonly value: string }
): Result.Result<A, Problem> =>
  Result.fromOption(setting.decode(value), () => ({
    _tag: "WrongValue",
    ...place,
    expected: setting.expected
  }))

/** A secret of the environment; an empty one is a problem, because something else was meant. */
const readSecret = (
  { environment }: Sources,
  section: Sections.SectionName,
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
