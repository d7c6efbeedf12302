/** What a client may say to a relay (NIP-01), decoded from one text frame. */
import { Filter, NostrEvent } from "@farthing/protocol"
import { Result } from "effect"
import type { Limits } from "./Limits.ts"
import type { Session } from "./Session.ts"

/** Why a message was not understood, and the message of the relay that says so. */
export type Refusal =
  | { readonly _tag: "Notice"; readonly message: string }
  | { readonly _tag: "NotOk"; readonly id: string; readonly message: string }
  | { readonly _tag: "Closed"; readonly subscription: string; readonly message: string }

/** What comes after the word that a message begins with. */
export type Arguments = ReadonlyArray<unknown>

/** A subscription, by `REQ`, or what is like one. */
export interface Request {
  readonly subscription: string
  readonly filters: ReadonlyArray<Filter.Filter>
}

/** The word that a message begins with, and the rest. */
export const decode = (
  frame: Buffer,
  limits: Limits
): Result.Result<readonly [verb: string, ...Arguments], Refusal> => {
  const message = parse(frame)
  if (!isMessage(message)) return notice("invalid: not a JSON array that begins with a word")
  if (frame.length > limits.maxMessageLength)
    return refused(message[1], `invalid: larger than ${limits.maxMessageLength} bytes`)
  return Result.succeed(message)
}

export const decodeEvent = ([input]: Arguments): Result.Result<NostrEvent.NostrEvent, Refusal> =>
  Result.orElse(NostrEvent.decode(input), () => refused(input, "invalid: not an event"))

/** Names what is refused, where the client gave it a name. */
const refused = (argument: unknown, message: string): Result.Result<never, Refusal> => {
  const id = idOf(argument)
  return id === undefined ? notice(message) : Result.fail({ _tag: "NotOk", id, message })
}

export const decodeSubscription = (
  [input]: Arguments,
  limits: Limits
): Result.Result<string, Refusal> =>
  typeof input === "string" && input.length > 0 && input.length <= limits.maxSubscriptionIdLength
    ? Result.succeed(input)
    : notice(
        `invalid: a subscription id is a string of 1 to ${limits.maxSubscriptionIdLength} characters`
      )

export const decodeRequest = (
  [id, ...inputs]: Arguments,
  limits: Limits
): Result.Result<Request, Refusal> =>
  Result.flatMap(decodeSubscription([id], limits), (subscription) =>
    Result.mapBoth(decodeFilters(inputs, limits), {
      onSuccess: (filters) => ({ subscription, filters }),
      onFailure: (message): Refusal => ({ _tag: "Closed", subscription, message })
    })
  )

/** The filters, or what is wrong with them. */
export const decodeFilters = (
  inputs: ReadonlyArray<unknown>,
  limits: Limits
): Result.Result<ReadonlyArray<Filter.Filter>, string> => {
  if (inputs.length === 0) return Result.fail("invalid: there has to be a filter")
  if (inputs.length > limits.maxFilters)
    return Result.fail(`invalid: more than ${limits.maxFilters} filters`)
  const filters: Array<Filter.Filter> = []
  for (const input of inputs) {
    const filter = Filter.decode(input)
    if (Result.isFailure(filter)) return Result.fail("invalid: not a filter")
    if (Object.keys(filter.success).some(isUnknownTag))
      return Result.fail("unsupported: only tags of a single letter can be asked for")
    filters.push(filter.success)
  }
  return Result.succeed(filters)
}

const isUnknownTag = (key: string): boolean => key.startsWith("#") && !/^#[a-zA-Z]$/.test(key)

/** Tells the client why it was not understood. */
export const refuse = (session: Session, refusal: Refusal): void => {
  switch (refusal._tag) {
    case "Notice":
      return session.notice(refusal.message)
    case "NotOk":
      return session.ok(refusal.id, false, refusal.message)
    case "Closed":
      return session.closed(refusal.subscription, refusal.message)
  }
}

const isMessage = (input: unknown): input is readonly [string, ...Arguments] =>
  Array.isArray(input) && typeof input[0] === "string"

const idOf = (input: unknown): string | undefined =>
  typeof input === "object" &&
  input !== null &&
  "id" in input &&
  typeof input.id === "string" &&
  /^[0-9a-f]{64}$/.test(input.id)
    ? input.id
    : undefined

const parse = (frame: Buffer): unknown => {
  try {
    return JSON.parse(frame.toString())
  } catch {
    return undefined
  }
}

const notice = (message: string) => Result.fail<Refusal>({ _tag: "Notice", message })
