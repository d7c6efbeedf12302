/** `farthing providers`: who sells now, at what price, and our record with them. */
import { ComputeClient, type Provider } from "@farthing/compute"
import { Text } from "@farthing/protocol"
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

const lines = (provider: Provider.Provider, now: number): ReadonlyArray<string> => {
  const avoided = avoidedUntil(provider, now)
  const models = Text.printable(provider.models.join(", "), 40)
  return [
    [Show.name(provider.name), Show.price(provider.price), ...(models === "" ? [] : [models])].join(
      " · "
    ),
    `  ${Show.npub(provider.pubkey)}`,
    `  ${history(provider.record)}`,
    ...(avoided === undefined
      ? []
      : [`  avoided until ${Show.time(avoided)} UTC: it took money and did not deliver`])
  ]
}

const fields = (provider: Provider.Provider, now: number) => ({
  provider: Show.npub(provider.pubkey),
  name: provider.name,
  price_msats: Option.getOrNull(provider.price),
  models: provider.models,
  settlement: provider.announcement.settlements,
  jobs: provider.record.jobs,
  delivered: provider.record.delivered,
  lost: provider.record.lost,
  refunded: provider.record.refunded,
  refused: provider.record.refused,
  rejected: provider.record.rejected,
  median_millis: provider.record.medianMillis ?? null,
  avoided_until: avoidedUntil(provider, now) ?? null
})

const flags = {
  seconds: Options.whole("seconds", { minimum: 0, maximum: 600 }).pipe(
    Flag.withDescription("How long to wait for a first provider"),
    Flag.withDefault(3)
  )
}

export const command = Command.make(
  "providers",
  flags,
  Effect.fnUntraced(function* ({ seconds }) {
    const output = yield* Output
    const client = yield* ComputeClient.ComputeClient
    yield* output.progress("asking the relays who sells …")
    const providers = yield* client.discoverProviders(Duration.seconds(seconds))
    const now = yield* UnixTime.now
    if (output.json) return yield* output.value(providers.map((it) => fields(it, now)))
    if (providers.length === 0) return yield* output.note("nobody sells on these relays now")
    for (const line of providers.flatMap((it) => lines(it, now))) yield* output.line(line)
  })
).pipe(Command.withDescription("List who sells inference now"), Command.provide(Market.onlooker))
