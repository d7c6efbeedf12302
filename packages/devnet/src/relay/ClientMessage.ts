/** What a client may say to a relay (NIP-01, NIP-42), decoded from one text frame. */
import { Filter, NostrEvent } from "@farthing/protocol"
import { Result } from "effect"
import type { Limits } from "./Limits.ts"

export type ClientMessage =
  | { readonly _tag: "Event"; readonly event: NostrEvent.NostrEvent }
  | { readonly _tag: "Auth"; readonly event: NostrEvent.NostrEvent }
  | {
      readonly _tag: "Req"
      readonly subscription: string
      readonly filters: ReadonlyArray<Filter.Filter>
    }
  | { readonly _tag: "Close"; readonly subscription: string }

/** Why a message was not understood, and the message of the relay that says so. */
export type Refusal =
  | { readonly _tag: "Notice"; readonly message: string }
  | { readonly _tag: "NotOk"; readonly id: string; readonly message: string }
  | { readonly _tag: "Closed"; readonly subscription: string; readonly message: string }

export const decode = (text: string, limits: Limits): Result.Result<ClientMessage, Refusal> => {
  const message = parse(text)
  if (!Array.isArray(message)) return notice("invalid: not a JSON array")
  const [type, argument, ...rest]: ReadonlyArray<unknown> = message
  if (Buffer.byteLength(text) > limits.maxMessageLength)
    return refused(argument, `invalid: larger than ${limits.maxMessageLength} bytes`)
  switch (type) {
    case "EVENT":
    case "AUTH":
      return decodeEvent(type === "EVENT" ? "Event" : "Auth", argument)
    case "REQ":
      return isSubscriptionId(argument, limits)
        ? decodeReq(argument, rest, limits)
        : notice("invalid: a subscription id is a string of 1 to 64 characters")
    case "CLOSE":
      return isSubscriptionId(argument, limits)
        ? Result.succeed({ _tag: "Close", subscription: argument })
        : notice("invalid: a subscription id is a string of 1 to 64 characters")
    default:
      return notice("invalid: unknown type of message")
  }
}

const decodeEvent = (
  _tag: "Event" | "Auth",
  input: unknown
): Result.Result<ClientMessage, Refusal> => {
  const event = NostrEvent.decode(input)
  if (Result.isSuccess(event)) return Result.succeed({ _tag, event: event.success })
  return refused(input, "invalid: not an event")
}

/** Names what is refused, where the client gave it a name. */
const refused = (argument: unknown, message: string): Result.Result<never, Refusal> => {
  const id = idOf(argument)
  return id === undefined ? notice(message) : Result.fail({ _tag: "NotOk", id, message })
}

const decodeReq = (
  subscription: string,
  inputs: ReadonlyArray<unknown>,
  limits: Limits
): Result.Result<ClientMessage, Refusal> => {
  const closed = (message: string) =>
    Result.fail<Refusal>({ _tag: "Closed", subscription, message })
  if (inputs.length === 0) return closed("invalid: a REQ has at least one filter")
  if (inputs.length > limits.maxFilters)
    return closed(`invalid: more than ${limits.maxFilters} filters`)
  const filters: Array<Filter.Filter> = []
  for (const input of inputs) {
    const filter = Filter.decode(input)
    if (Result.isFailure(filter)) return closed("invalid: not a filter")
    if (Object.keys(filter.success).some(isUnknownTag))
      return closed("unsupported: only tags of a single letter can be asked for")
    filters.push(filter.success)
  }
  return Result.succeed({ _tag: "Req", subscription, filters })
}

const isUnknownTag = (key: string): boolean => key.startsWith("#") && !/^#[a-zA-Z]$/.test(key)

const isSubscriptionId = (input: unknown, limits: Limits): input is string =>
  typeof input === "string" && input.length > 0 && input.length <= limits.maxSubscriptionIdLength

const idOf = (input: unknown): string | undefined =>
  typeof input === "object" &&
  input !== null &&
  "id" in input &&
  typeof input.id === "string" &&
  /^[0-9a-f]{64}$/.test(input.id)
    ? input.id
    : undefined

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const notice = (message: string) => Result.fail<Refusal>({ _tag: "Notice", message })
