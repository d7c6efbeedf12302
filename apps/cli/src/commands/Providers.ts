/** `farthing providers`: who sells, at what price, and our record with them. */
import { ComputeClient, type Provider, type ProviderList } from "@farthing/compute"
import { Sat, Settlement, Text } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Duration, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Market from "../Market.ts"
import * as Options from "../Options.ts"
import { Output } from "../Output.ts"
import * as Show from "../Show.ts"

/** Until when it is not chosen, if that time is still to come; unix seconds. */
const avoidedUntil = ({ record }: Provider.Provider, now: number): number | undefined =>
  record.avoidUntil !== undefined && record.avoidUntil > now ? record.avoidUntil : undefined

const history = ({ delivered, jobs, lost, medianMillis, refunded }: Provider.Record): string =>
  jobs === 0
    ? "no job with us yet"
    : [
        `${jobs} ${jobs === 1 ? "job" : "jobs"}`,
        `${delivered} delivered`,
        `${lost} lost`,
        `${refunded} refunded`,
        ...(medianMillis === undefined ? [] : [`median ${Show.seconds(medianMillis)}`])
      ].join(", ")

/** A terminal's; in characters. */
const lineLength = 80

/** Who sells what at which price; many models stand on a line of their own. */
const offer = (
  { heardAt, online, provider }: ProviderList.Entry,
  now: number
): ReadonlyArray<string> => {
  const models = Text.printable(provider.models.join(", "), lineLength - 2)
  const parts = [
    Show.name(provider.name),
    Show.price(provider.price),
    ...(online ? [] : [`away, last heard ${Show.ago(now - heardAt)}`])
  ]
  if (models === "") return [parts.join(" · ")]
  const inOne = [...parts, models].join(" · ")
  return inOne.length <= lineLength ? [inOne] : [parts.join(" · "), `  ${models}`]
}

const lines = (entry: ProviderList.Entry, now: number): ReadonlyArray<string> => {
  const { provider } = entry
  const avoided = avoidedUntil(provider, now)
  return [
    ...offer(entry, now),
    `  ${Show.npub(provider.pubkey)}`,
    `  ${history(provider.record)}`,
    ...(avoided === undefined
      ? []
      : [`  avoided until ${Show.time(avoided)} UTC: it took money and did not deliver`])
  ]
}

const fields = ({ heardAt, online, provider }: ProviderList.Entry, now: number) => ({
  provider: Show.npub(provider.pubkey),
  name: provider.name,
  price_msats: Option.getOrNull(provider.price),
  models: provider.models,
  settlement: provider.announcement.settlements,
  online,
  heard_at: Show.isoTime(heardAt),
  jobs: provider.record.jobs,
  delivered: provider.record.delivered,
  lost: provider.record.lost,
  refunded: provider.record.refunded,
  refused: provider.record.refused,
  rejected: provider.record.rejected,
  median_ms: provider.record.medianMillis ?? null,
  avoid_until: avoidedUntil(provider, now) ?? null
})

/** How old the list is, and what is not on it. */
const notes = (list: ProviderList.ProviderList, now: number): ReadonlyArray<string> => [
  ...(list.total > list.entries.length
    ? [`${list.total - list.entries.length} more; see them with --limit ${list.total}`]
    : []),
  Option.match(list.refreshedAt, {
    onNone: () => "no relay has told all that it has yet",
    onSome: (second) => `as the relays told ${Show.ago(now - second)}`
  })
]

const flags = {
  model: Flag.String("model").pipe(
    Flag.withDescription("Only who sells this model, at the price of it"),
    Flag.optional
  ),
  maxPrice: Options.whole("max-price", { minimum: 0, maximum: 2_100_000_000_000 }).pipe(
    Flag.withMetavar("sats"),
    Flag.withDescription("Only known prices up to this"),
    Flag.optional
  ),
  settlement: Flag.Literals("settlement", Settlement.Settlement.literals).pipe(
    Flag.withDescription("Only who can be paid like this"),
    Flag.optional
  ),
  online: Flag.Boolean("online").pipe(
    Flag.withDescription("Only who sells now; --no-online shows also who did"),
    Flag.optional
  ),
  sort: Flag.Literals("sort", ["price", "latency", "reliability", "name", "seen"]).pipe(
    Flag.withDescription("What comes first; latency and reliability as our own record has them"),
    Flag.withDefault("price")
  ),
  limit: Options.whole("limit", { minimum: 1, maximum: 100_000 }).pipe(
    Flag.withDescription("How many"),
    Flag.withDefault(100)
  ),
  seconds: Options.whole("seconds", { minimum: 0, maximum: 600 }).pipe(
    Flag.withDescription("How long to wait for a first provider; 0 asks nobody"),
    Flag.withDefault(3)
  )
}

export const command = Command.make(
  "providers",
  flags,
  Effect.fnUntraced(function* ({ limit, maxPrice, model, online, seconds, settlement, sort }) {
    const output = yield* Output
    const client = yield* ComputeClient.ComputeClient
    if (seconds > 0) yield* output.progress("asking the relays who sells …")
    const list = yield* client.listProviders({
      sort,
      limit,
      model: Option.getOrUndefined(model),
      maxPrice: Option.getOrUndefined(Option.map(maxPrice, (sats) => Sat.toMsat(Sat.make(sats)))),
      settlement: Option.getOrUndefined(settlement),
      online: Option.getOrUndefined(online),
      within: seconds === 0 ? undefined : Duration.seconds(seconds)
    })
    const now = yield* UnixTime.now
    if (output.json) return yield* output.value(list.entries.map((it) => fields(it, now)))
    for (const line of list.entries.flatMap((it) => lines(it, now))) yield* output.line(line)
    if (list.entries.length === 0) {
      const filters: ReadonlyArray<Option.Option<unknown>> = [model, maxPrice, settlement, online]
      const isFiltered = filters.some(Option.isSome)
      yield* output.note(isFiltered ? "nobody fits" : "nobody sells on these relays now")
    }
    for (const note of notes(list, now)) yield* output.note(note)
  })
).pipe(Command.withDescription("List who sells inference"), Command.provide(Market.onlooker))
