/**
 * The worker's log: a line an entry on stdout, JSON for programs or words for people. Foreign text
 * is shown without anything that a terminal or a reader of lines would obey.
 */
import { Text } from "@farthing/protocol"
import { Array as Arr, Effect, Layer, Logger, Record } from "effect"
import { Config } from "farthing"
import * as Masking from "./Masking.ts"

type Entry = ReturnType<(typeof Logger.formatStructured)["log"]>

const inWords = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "")

const messageOf = ({ message }: Entry): string => Arr.ensure(message).map(inWords).join(" ")

/** What is told beside the message comes last, so that it cannot stand in for what is told first. */
const json = (entry: Entry): string =>
  Masking.mask(
    Text.printableJson(
      JSON.stringify({
        time: entry.timestamp,
        level: entry.level.toLowerCase(),
        message: messageOf(entry),
        ...(entry.cause === undefined ? {} : { cause: entry.cause }),
        ...(Record.isEmptyReadonlyRecord(entry.annotations) ? {} : { about: entry.annotations })
      })
    )
  )

/** The longest line for people. */
const lineLength = 2_000

const pretty = (entry: Entry): string => {
  const about = Object.entries(entry.annotations).map(([key, value]) => `${key}=${inWords(value)}`)
  const words = [messageOf(entry), ...about, ...Arr.fromNullishOr(entry.cause)].join(" ")
  return Masking.mask(
    `${entry.timestamp} ${entry.level.padEnd(5)} ${Text.printable(words, lineLength)}`
  )
}

const formats = { json, pretty }

/** As configured. */
export const layer = Layer.unwrap(
  Effect.map(Config.Config, ({ worker }) =>
    Logger.layer([
      Logger.withConsoleLog(Logger.map(Logger.formatStructured, formats[worker.logFormat]))
    ])
  )
)
