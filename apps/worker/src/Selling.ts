/** How a provider's work is logged: what concerns money and presence always, the rest at debug. */
import type { ComputeProvider, ProviderEvent } from "@farthing/provider"
import { Text } from "@farthing/protocol"
import { Effect, Stream } from "effect"

type Event = ProviderEvent.ProviderEvent

/** Logs everything that happens, until it is interrupted. */
export const log = (provider: ComputeProvider.Shape): Effect.Effect<void> =>
  Stream.runForEach(provider.events, (event) =>
    logAt(event)(sentence(event)).pipe(Effect.annotateLogs(fields(event)))
  )

/** Strangers can make many requests: what they can cause for free is no line of the log. */
const logAt = ({ _tag }: Event): ((message: string) => Effect.Effect<void>) => {
  switch (_tag) {
    case "Requested":
    case "Quoted":
    case "Refused":
    case "Cancelled":
      return Effect.logDebug
    case "Online":
    case "Offline":
    case "Paid":
    case "Locked":
    case "Awaiting":
    case "Delivered":
    case "Returned":
    case "Refunded":
    case "Well":
      return Effect.logInfo
    case "Ailing":
    case "Owed":
    case "Unpaid":
    case "Trouble":
      return Effect.logWarning
    case "Lost":
      return Effect.logError
  }
}

const sentence = (event: Event): string =>
  event._tag === "Trouble" ? Text.printable(event.message) : event._tag.toLowerCase()

/** What a program needs of it; text of others is cut and made printable. */
const fields = (event: Event): Readonly<Record<string, unknown>> => {
  switch (event._tag) {
    case "Online":
      return {
        channel: event.channel,
        models: event.models.map((model) => Text.printable(model, 60)),
        price_msats: event.price
      }
    case "Offline":
    case "Trouble":
      return {}
    case "Ailing":
      return { backend: event.backend, reason: Text.printable(event.message) }
    case "Well":
      return { backend: event.backend }
    default:
      return { request: event.request, customer: event.customer, ...ofJob(event) }
  }
}

type OfJob = Exclude<Event, { readonly _tag: "Online" | "Offline" | "Ailing" | "Well" | "Trouble" }>

const ofJob = (event: OfJob): Readonly<Record<string, unknown>> => {
  switch (event._tag) {
    case "Requested":
      return { model: Text.printable(event.model, 60) }
    case "Quoted":
    case "Paid":
    case "Locked":
    case "Awaiting":
      return { amount_msats: event.amount }
    case "Refused":
      return { code: event.code }
    case "Delivered":
      return { millis: event.millis }
    case "Owed":
    case "Lost":
    case "Unpaid":
    case "Returned":
      return { amount_msats: event.amount, reason: Text.printable(event.reason) }
    case "Refunded":
      return { amount_msats: event.amount, fee_msats: event.fee }
    case "Cancelled":
      return {}
  }
}
