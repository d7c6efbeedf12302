/**
 * How values look to a person: amounts in sats, keys shortened, foreign text made printable.
 */
import type { ComputeClient } from "@farthing/compute"
import { type Msat, Sat, Text } from "@farthing/protocol"
import { DateTime, Option } from "effect"
import * as Nip19 from "nostr-tools/nip19"

/** A cost, rounded up to whole sats. */
export const cost = (amount: Msat.Msat): string => sats(Sat.fromMsatCeil(amount))

/** A cost with what was rounded away: `10 sats (9,500 msat)`. */
export const costInFull = (amount: Msat.Msat): string => `${cost(amount)} (${msats(amount)})`

export const msats = (amount: Msat.Msat): string => `${amount.toLocaleString("en-US")} msat`

/** What is there or left, rounded down to whole sats. */
export const balance = (amount: Msat.Msat): string => sats(Sat.fromMsatFloor(amount))

const sats = (amount: Sat.Sat): string => `${number(amount)} ${amount === 1 ? "sat" : "sats"}`

export const number = (amount: number): string => amount.toLocaleString("en-US")

/** A price, where a missing one is unknown and not free. */
export const price = (amount: Option.Option<Msat.Msat>): string =>
  Option.match(amount, { onNone: () => "unknown", onSome: cost })

export const npub = (key: string): string => Nip19.npubEncode(key)

/** Enough of a key, an id or a hash to tell it from its neighbours. */
export const short = (key: string): string => `${key.slice(0, 12)}…${key.slice(-4)}`

/** What `jobs show` takes for a request. */
export const jobId = (request: string): string => request.slice(0, 12)

/** Whose name it is, and the key that proves it. */
export const who = (provider: string, key: string): string =>
  `${name(provider)} (${short(npub(key))})`

/** What somebody calls itself. */
export const name = (given: string, most = 40): string => Text.printable(given, most) || "unnamed"

export const seconds = (millis: number): string => `${(millis / 1000).toFixed(1)} s`

/** How long ago something was, in the largest unit that says something. */
export const ago = (seconds: number): string => {
  if (seconds < 60) return "just now"
  const [size, unit] = units.find(([size]) => seconds >= size) ?? [60, "min"]
  return `${Math.floor(seconds / size)} ${unit} ago`
}

/** In seconds, the largest first. */
const units = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"]
] as const

/** ISO 8601, in UTC. */
export const isoTime = (unixSeconds: number): string =>
  DateTime.formatIso(DateTime.makeUnsafe(unixSeconds * 1000))

/** `YYYY-MM-DD HH:MM:SS.mmm` in UTC. */
export const exactTime = (unixMillis: number): string =>
  DateTime.formatIso(DateTime.makeUnsafe(unixMillis)).slice(0, 23).replace("T", " ")

/** `YYYY-MM-DD HH:MM:SS` in UTC. */
export const fullTime = (unixSeconds: number): string => exactTime(unixSeconds * 1000).slice(0, 19)

/** `YYYY-MM-DD HH:MM` in UTC. */
export const time = (unixSeconds: number): string => fullTime(unixSeconds).slice(0, 16)

/** Whether the money is back, or until when it is promised. */
export const refundState = (refund: ComputeClient.Refund): string =>
  refund.receivedAt === undefined
    ? `promised until ${time(refund.expiresAt)}`
    : `received ${time(refund.receivedAt)}`
