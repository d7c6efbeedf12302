/** The messages of a relay (NIP-01, NIP-42, NIP-77), as they come off the wire. */
import { Text } from "@farthing/protocol"

export type RelayMessage =
  | { readonly _tag: "Event"; readonly subscription: string; readonly event: unknown }
  | {
      readonly _tag: "Ok"
      readonly id: string
      readonly accepted: boolean
      readonly message: string
    }
  | { readonly _tag: "Stored"; readonly subscription: string }
  | { readonly _tag: "Closed"; readonly subscription: string; readonly message: string }
  | { readonly _tag: "Notice"; readonly message: string }
  | { readonly _tag: "Challenge"; readonly challenge: string }
  | { readonly _tag: "Reconciling"; readonly subscription: string; readonly message: string }
  | { readonly _tag: "NotReconciling"; readonly subscription: string }

/** `undefined` for anything that is not a message of a relay; messages are made printable. */
export const decode = (text: string): RelayMessage | undefined => {
  const frame = parse(text)
  if (!Array.isArray(frame)) return undefined
  const [type, first, second, third]: ReadonlyArray<unknown> = frame
  if (typeof first !== "string") return undefined
  switch (type) {
    case "EVENT":
      return { _tag: "Event", subscription: first, event: second }
    case "OK":
      return typeof second === "boolean"
        ? { _tag: "Ok", id: first, accepted: second, message: printable(third) }
        : undefined
    case "EOSE":
      return { _tag: "Stored", subscription: first }
    case "CLOSED":
      return { _tag: "Closed", subscription: first, message: printable(second) }
    case "NOTICE":
      return { _tag: "Notice", message: printable(first) }
    case "AUTH":
      return { _tag: "Challenge", challenge: first }
    case "NEG-MSG":
      return typeof second === "string"
        ? { _tag: "Reconciling", subscription: first, message: second }
        : undefined
    case "NEG-ERR":
      return { _tag: "NotReconciling", subscription: first }
    default:
      return undefined
  }
}

/** What can be told of the frame of an event without reading it. */
export interface Glance {
  readonly subscription: string
  readonly id: string
  readonly created_at: number
}

const eventPrefix = '["EVENT","'
const idKey = '"id":"'
const idLength = 64
const dateKey = '"created_at":'

/**
 * Finds id and date of an event, at a fraction of what it costs to read it; `undefined` where that
 * is not so simple. No string of JSON holds these keys, because its quotes are escaped. A relay that
 * hides others in the event hides but what it sends.
 */
export const glance = (text: string): Glance | undefined => {
  if (!text.startsWith(eventPrefix)) return undefined
  const end = text.indexOf('"', eventPrefix.length)
  const idAt = text.indexOf(idKey, end) + idKey.length
  const dateAt = text.indexOf(dateKey, end) + dateKey.length
  if (idAt < idKey.length || dateAt < dateKey.length || text[idAt + idLength] !== '"')
    return undefined
  return {
    subscription: text.slice(eventPrefix.length, end),
    id: text.slice(idAt, idAt + idLength),
    created_at: Number.parseInt(text.slice(dateAt, dateAt + 16), 10)
  }
}

/** Whether an OK of `false` means that the relay has the event, or a newer one in its place. */
export const isHeldAlready = (message: string): boolean => /^(duplicate|replaced):/i.test(message)

/** Whether the relay wants to know who asks (NIP-42). */
export const wantsAuthentication = (message: string): boolean =>
  message.startsWith("auth-required:")

/** Whether a refusal says nothing about who asks or what for: the same may be taken later. */
export const isPassing = (message: string): boolean => /^(rate-limited|error):/i.test(message)

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const printable = (message: unknown): string =>
  typeof message === "string" ? Text.printable(message) : ""
