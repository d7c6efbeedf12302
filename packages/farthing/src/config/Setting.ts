/**
 * One key of the configuration: what may stand there, what counts if nothing does, and how it
 * is explained to whoever reads the file.
 */
import { Msat, Sat } from "@farthing/protocol"
import { DateTime, Duration, Option, Record, Schema } from "effect"

export interface Setting<A> {
  /** Reads what stands in the file. */
  readonly decode: (value: unknown) => Option.Option<A>
  /** What may stand there, for people. */
  readonly expected: string
  /** What counts if nothing stands there. */
  readonly fallback: A
  /** The value of an environment variable, as it would stand in the file. */
  readonly fromText: (text: string) => unknown
  /** The fallback or, where there is none, an example, as it stands in the file. */
  readonly sample: unknown
  readonly about: string
}

export type Section = Readonly<Record<string, Setting<unknown>>>

/** What a section says once it is read. */
export type Values<S extends Section> = {
  readonly [K in keyof S]: S[K] extends Setting<infer A> ? A : never
}

export interface Kind<A> {
  readonly decode: (value: unknown) => Option.Option<A>
  readonly expected: string
  readonly fromText: (text: string) => unknown
}

/** A key with a default, which is written as in the file. */
export const withDefault = <A>(kind: Kind<A>, written: unknown, about: string): Setting<A> => ({
  ...kind,
  fallback: Option.getOrThrow(kind.decode(written)),
  sample: written,
  about
})

/** A key that counts only if it is there; the example is written as in the file. */
export const withoutDefault = <A>(
  kind: Kind<A>,
  example: unknown,
  about: string
): Setting<Option.Option<A>> => ({
  decode: (value) => Option.map(kind.decode(value), Option.some),
  expected: kind.expected,
  fromText: kind.fromText,
  fallback: Option.none(),
  sample: example,
  about
})

export const asText = (text: string): unknown => text

export const asNumber = (text: string): unknown =>
  /^[+-]?\d+(?:_\d+)*(?:\.\d+)?$/.test(text.trim()) ? Number(text.replaceAll("_", "")) : text

const asFlag = (text: string): unknown => (text === "true" ? true : text === "false" ? false : text)

export const asList = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")

export const kind = <A>(
  schema: Schema.Decoder<A>,
  expected: string,
  fromText: (text: string) => unknown
): Kind<A> => ({ decode: Schema.decodeUnknownOption(schema), expected, fromText })

const format = (value: number): string => value.toLocaleString("en-US")

export const whole = (minimum: number, maximum: number): Kind<number> =>
  kind(
    Schema.Int.check(Schema.isBetween({ minimum, maximum })),
    `a whole number from ${format(minimum)} to ${format(maximum)}`,
    asNumber
  )

export const percent: Kind<number> = kind(
  Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 100 })),
  "a number from 0 to 100",
  asNumber
)

export const flag: Kind<boolean> = kind(Schema.Boolean, "true or false", asFlag)

/** An amount that is written in sats and read in msat. */
export const sats: Kind<Msat.Msat> = {
  decode: (value) => Option.map(Schema.decodeUnknownOption(Sat.Sat)(value), Sat.toMsat),
  expected: "a whole number of sats, 0 or more",
  fromText: asNumber
}

export const msats: Kind<Msat.Msat> = kind(
  Msat.Msat,
  "a whole number of msats, 0 or more",
  asNumber
)

const asPrices = (text: string): unknown =>
  Object.fromEntries(
    asList(text).map((item) => {
      const split = item.lastIndexOf("=")
      return split < 0
        ? [item, item]
        : [item.slice(0, split).trim(), asNumber(item.slice(split + 1))]
    })
  )

/** A price for each of some names; in the environment `name=msats`, with commas between. */
export const prices: Kind<Readonly<Record<string, Msat.Msat>>> = kind(
  Schema.Record(Schema.String.check(Schema.isPattern(/\S/), Schema.isMaxLength(200)), Msat.Msat),
  'a table such as { "name" = 1000 }: for each name a whole number of msats, 0 or more',
  asPrices
)

const longestDuration = Duration.weeks(4)

/** From `minimum` to four weeks. */
export const duration = (minimum: Duration.Input): Kind<Duration.Duration> => ({
  decode: (value) =>
    Option.filter(
      Schema.decodeUnknownOption(Schema.DurationFromString)(value),
      Duration.between({
        minimum: Duration.fromInputUnsafe(minimum),
        maximum: longestDuration
      })
    ),
  expected: `a duration such as "30 seconds", from ${Duration.format(Duration.fromInputUnsafe(minimum))} to 4 weeks`,
  fromText: asText
})

export const text = (limit: number): Kind<string> =>
  kind(
    Schema.String.check(Schema.isPattern(/\S/), Schema.isMaxLength(limit)),
    `a text of 1 to ${format(limit)} characters`,
    asText
  )

export const texts = (limit: number): Kind<ReadonlyArray<string>> =>
  kind(
    Schema.UniqueArray(Schema.String.check(Schema.isPattern(/\S/), Schema.isMaxLength(limit))),
    "a list of different texts",
    asList
  )

const alternatives = (words: ReadonlyArray<string>): string =>
  words.map((word) => `"${word}"`).join(", ")

export const oneOf = <const L extends ReadonlyArray<string>>(words: L): Kind<L[number]> =>
  kind(Schema.Literals(words), `one of ${alternatives(words)}`, asText)

export const someOf = <const L extends ReadonlyArray<string>>(
  words: L
): Kind<ReadonlyArray<L[number]>> =>
  kind(
    Schema.UniqueArray(Schema.Literals(words)),
    `a list of ${alternatives(words)}, each once`,
    asList
  )

/** As `someOf`, and at least one. */
export const oneOrMoreOf = <const L extends ReadonlyArray<string>>(
  words: L
): Kind<ReadonlyArray<L[number]>> =>
  kind(
    Schema.UniqueArray(Schema.Literals(words)).check(Schema.isMinLength(1)),
    `a list of one or more of ${alternatives(words)}, each once`,
    asList
  )

/** Addresses are logged, announced and counted under; so no user and no password stands in one. */
const url = (protocols: ReadonlyArray<string>) =>
  Schema.String.check(
    Schema.makeFilter((address: string) => {
      const url = URL.parse(address)
      return (
        url !== null &&
        address.length <= 2_000 &&
        protocols.includes(url.protocol) &&
        url.username + url.password === ""
      )
    })
  )

export const httpUrl: Kind<string> = kind(
  url(["http:", "https:"]),
  "an http:// or https:// URL without user and password",
  asText
)

/** None, or up to ten. */
export const httpUrls: Kind<ReadonlyArray<string>> = kind(
  Schema.UniqueArray(url(["http:", "https:"])).check(Schema.isMaxLength(10)),
  "a list of up to 10 different http:// or https:// URLs without user and password",
  asList
)

/** An address, or `""` for none. */
export const optionalHttpUrl: Kind<Option.Option<string>> = {
  decode: (value) =>
    value === "" ? Option.some(Option.none()) : Option.map(httpUrl.decode(value), Option.some),
  expected: 'an http:// or https:// URL without user and password, or "" for none',
  fromText: asText
}

export const relayUrls: Kind<ReadonlyArray<string>> = kind(
  Schema.UniqueArray(url(["ws:", "wss:"])).check(Schema.isMinLength(1), Schema.isMaxLength(20)),
  "a list of 1 to 20 different ws:// or wss:// URLs without user and password",
  asList
)

export const timeZone: Kind<string> = kind(
  Schema.String.check(
    Schema.makeFilter((name: string) => Option.isSome(DateTime.zoneMakeNamed(name)))
  ),
  'a time zone such as "UTC" or "Europe/Berlin"',
  asText
)

/** The same settings, where what is left out is as it was said elsewhere. */
export const fallingBackTo = <S extends Section>(
  settings: S,
  values: { readonly [key: string]: unknown }
): S =>
  Record.map(settings, (setting, key) =>
    Object.hasOwn(values, key) ? { ...setting, fallback: values[key] } : setting
  ) as S
