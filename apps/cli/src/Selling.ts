/** How a provider's work is told while it goes on. */
import type { ComputeProvider, ProviderEvent } from "@farthing/provider"
import { Text } from "@farthing/protocol"
import { Effect, Stream } from "effect"
import { Output } from "./Output.ts"
import * as Show from "./Show.ts"

/** Tells of everything that happens, until it is interrupted. */
export const tell = Effect.fnUntraced(function* (provider: ComputeProvider.Shape) {
  const output = yield* Output
  yield* Stream.runForEach(provider.events, (event) =>
    output.json ? output.value(fields(event)) : output.note(sentence(event))
  )
})

const job = (event: { readonly request: string; readonly customer: string }): string =>
  `${Show.short(event.request)} of ${Show.short(Show.npub(event.customer))}`

const sentence = (event: ProviderEvent.ProviderEvent): string => {
  switch (event._tag) {
    case "Online":
      return `online: ${event.models.map((model) => Text.printable(model, 60)).join(", ")} at ${Show.cost(event.price)}`
    case "Offline":
      return "offline"
    case "Requested":
      return `requested  ${job(event)}`
    case "Quoted":
      return `quoted     ${job(event)}: ${Show.cost(event.amount)}`
    case "Refused":
      return `refused    ${job(event)}: ${event.code}`
    case "Paid":
      return `paid       ${job(event)}: ${Show.cost(event.amount)}`
    case "Locked":
      return `locked     ${job(event)}: ${Show.cost(event.amount)}`
    case "Awaiting":
      return `awaiting   ${job(event)}: ${Show.cost(event.amount)}`
    case "Unpaid":
      return `unpaid     ${job(event)}: ${Text.printable(event.reason)}`
    case "Returned":
      return `returned   ${job(event)}: ${Text.printable(event.reason)}`
    case "Delivered":
      return `delivered  ${job(event)} in ${Show.seconds(event.millis)}`
    case "Cancelled":
      return `cancelled  ${job(event)}`
    case "Owed":
      return `owed       ${job(event)}: ${Show.cost(event.amount)}, ${Text.printable(event.reason)}`
    case "Refunded":
      return `refunded   ${job(event)}: ${Show.cost(event.amount)}`
    case "Lost":
      return `lost       ${job(event)}: ${Text.printable(event.reason)}`
    case "Ailing":
      return `ailing     ${Text.printable(event.backend)}: ${Text.printable(event.message)}`
    case "Well":
      return `well       ${Text.printable(event.backend)}`
    case "Trouble":
      return `trouble: ${Text.printable(event.message)}`
  }
}

const fields = ({ _tag, ...event }: ProviderEvent.ProviderEvent) => ({
  type: _tag.toLowerCase(),
  ...event
})
