/** The flags that commands share. */
import { Settlement } from "@farthing/protocol"
import { DateTime, Option, Schema } from "effect"
import { Flag, GlobalFlag } from "effect/cli"
import * as Setting from "farthing/config/Setting"

export const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withDescription("Print JSON for programs instead of text for people"),
    Flag.withDefault(false)
  )
})

export const ConfigFile = GlobalFlag.Setting("config")({
  flag: Flag.String("config").pipe(
    Flag.withDescription("The configuration to use instead of the one in FARTHING_HOME"),
    Flag.optional
  )
})

/** Ways to settle, the preferred one first. */
export const settlement = Flag.String("settlement").pipe(
  Flag.withMetavar(Settlement.Settlement.literals.join(",")),
  Flag.filterMap(
    (text) => modes.decode(modes.fromText(text)),
    (text) => `Expected ${modes.expected}, with commas between, got ${JSON.stringify(text)}`
  )
)

const modes = Setting.oneOrMoreOf(Settlement.Settlement.literals)

/** What the people of a market on this machine pay with. */
export const marketWallet = Flag.Literals("wallet", ["nwc", "spark"]).pipe(
  Flag.withDescription("What is paid with: accounts of a bank (nwc), or Spark of this machine"),
  Flag.withDefault("nwc" as const)
)

/** A whole number within bounds. */
export const whole = (
  name: string,
  bounds: { readonly minimum: number; readonly maximum: number }
) => Flag.Int(name).pipe(Flag.withSchema(Schema.Int.check(Schema.isBetween(bounds))))

export const limit = whole("limit", { minimum: 1, maximum: 10_000 }).pipe(
  Flag.withDescription("How many, newest first"),
  Flag.withDefault(20)
)

/** A calendar day; its beginning in UTC as unix seconds. */
export const day = (name: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("YYYY-MM-DD"),
    Flag.filterMap(
      (text) =>
        Option.map(
          Option.filter(DateTime.make(text), () => /^\d{4}-\d\d-\d\d$/.test(text)),
          (time) => DateTime.toEpochMillis(time) / 1000
        ),
      (text) => `Expected a day as YYYY-MM-DD, got ${JSON.stringify(text)}`
    )
  )
