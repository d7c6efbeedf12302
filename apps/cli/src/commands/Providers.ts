/** `farthing providers`: who sells now, at what price, and our record with them. */
import { ComputeClient, type Provider } from "@farthing/compute"
import { Text } from "@farthing/protocol"
import { Duration, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Market from "../Market.ts"
import * as Options from "../Options.ts"
import { Output } from "../Output.ts"
import * as Show from "../Show.ts"
import * as Table from "../Table.ts"

const columns = ["NAME", "KEY", "PRICE", "MODELS", "JOBS", "DELIVERED", "LOST", "MEDIAN TIME"]

const row = ({ models, name, price, pubkey, record }: Provider.Provider): ReadonlyArray<string> => [
  Text.printable(name, 32),
  Show.npub(pubkey),
  Show.price(price),
  Text.printable(models.join(", "), 48),
  String(record.jobs),
  String(record.delivered),
  String(record.lost),
  record.medianMillis === undefined ? "" : Show.seconds(record.medianMillis)
]

const fields = (provider: Provider.Provider) => ({
  provider: Show.npub(provider.pubkey),
  name: provider.name,
  price_msats: Option.getOrNull(provider.price),
  models: provider.models,
  settlement: provider.announcement.settlements,
  record: provider.record
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
    if (output.json) return yield* output.value(providers.map(fields))
    if (providers.length === 0) return yield* output.note("nobody sells on these relays now")
    for (const line of Table.render(columns, providers.map(row))) yield* output.line(line)
  })
).pipe(Command.withDescription("List who sells inference now"), Command.provide(Market.onlooker))
