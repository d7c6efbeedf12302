/**
 * What an agent may decide to do, and the lines in which its thoughts say so: one action a line,
 * `KEYWORD: arguments`, arguments parted by `|`.
 */
import { Key, Msat, NostrEvent, Sat, Text } from "@farthing/protocol"
import { Option, Result, Schema } from "effect"
import * as nip19 from "nostr-tools/nip19"

const Line = Schema.String.check(Schema.isNonEmpty(), Schema.isMaxLength(4_000))
const Name = Schema.String.check(Schema.isNonEmpty(), Schema.isMaxLength(500))

export const Action = Schema.Union([
  Schema.TaggedStruct("Post", { text: Line }),
  Schema.TaggedStruct("DirectMessage", { to: Key.PublicKey, text: Line }),
  /** Without a channel the agent's own one is meant. */
  Schema.TaggedStruct("ChannelMessage", {
    channel: Schema.optionalKey(NostrEvent.EventId),
    text: Line
  }),
  Schema.TaggedStruct("PayInvoice", {
    bolt11: Schema.String.check(Schema.isPattern(/^ln[0-9a-z]{20,7000}$/))
  }),
  Schema.TaggedStruct("RequestPayment", { from: Key.PublicKey, amount: Msat.Msat, memo: Name }),
  Schema.TaggedStruct("ZapProfile", { to: Key.PublicKey, amount: Msat.Msat }),
  Schema.TaggedStruct("ZapNote", { note: NostrEvent.EventId, amount: Msat.Msat }),
  Schema.TaggedStruct("Goal", { text: Name }),
  Schema.TaggedStruct("Remember", { text: Name }),
  /** What a goal or a memory is called by: its id. */
  Schema.TaggedStruct("Forget", { id: Schema.String.check(Schema.isPattern(/^[gm]\d{1,9}$/)) }),
  Schema.TaggedStruct("Nothing", {})
])
export type Action = typeof Action.Type

/** How people, and events of kind 39211, call it. */
export const wireName: Readonly<Record<Action["_tag"], string>> = {
  Post: "post",
  DirectMessage: "dm",
  ChannelMessage: "channel_message",
  PayInvoice: "pay_invoice",
  RequestPayment: "request_payment",
  ZapProfile: "zap",
  ZapNote: "zap",
  Goal: "goal",
  Remember: "remember",
  Forget: "forget",
  Nothing: "none"
}

/** Whether it lets money leave the wallet. */
export const paysFor = (action: Action): action is Paying =>
  action._tag === "PayInvoice" || action._tag === "ZapProfile" || action._tag === "ZapNote"

export type Paying = Extract<Action, { readonly _tag: "PayInvoice" | "ZapProfile" | "ZapNote" }>

export interface Parsed {
  readonly actions: ReadonlyArray<Action>
  /** Lines that say nothing that can be done, made fit to be shown. */
  readonly unknown: ReadonlyArray<string>
}

/** More than that is not read. */
const mostLines = 200

/** A tick does no more; the rest is told back. */
export const mostActions = 8

const mostUnknown = 8

export const parse = (thought: string): Parsed => {
  const actions: Array<Action> = []
  const unknown: Array<string> = []
  for (const line of Text.printableLines(thought).split("\n", mostLines)) {
    const text = line.trim()
    if (text === "") continue
    const action = parseLine(text)
    if (Option.isSome(action) && actions.length < mostActions) actions.push(action.value)
    else if (unknown.length < mostUnknown) unknown.push(Text.printable(text, 200))
  }
  return { actions, unknown }
}

/** Models like to write lists and bold words. */
const decoration = /^(?:[-*>]\s+|\d{1,2}[.)]\s+)?(?:\*\*|`)?/

export const parseLine = (line: string): Option.Option<Action> => {
  const [, keyword = "", rest = ""] =
    /^([A-Z_]{2,20})(?:\*\*)?(?::(?:\*\*)?\s*(.*))?$/s.exec(line.trim().replace(decoration, "")) ??
    []
  const read = readers[keyword as keyof typeof readers]
  return Object.hasOwn(readers, keyword) ? Option.flatMap(read(rest.trim()), valid) : Option.none()
}

/** The line that says it. */
export const format = (action: Action): string => {
  switch (action._tag) {
    case "Post":
      return `POST: ${action.text}`
    case "DirectMessage":
      return `DM: ${Key.formatPublic(action.to)} | ${action.text}`
    case "ChannelMessage":
      // Without its channel a text could be taken for one that names it.
      return action.channel === undefined
        ? `CHANNEL: | ${action.text}`
        : `CHANNEL: ${action.channel} | ${action.text}`
    case "PayInvoice":
      return `PAY_INVOICE: ${action.bolt11}`
    case "RequestPayment":
      return `REQUEST_PAYMENT: ${Key.formatPublic(action.from)} | ${sats(action.amount)} | ${action.memo}`
    case "ZapProfile":
      return `ZAP: ${Key.formatPublic(action.to)} | ${sats(action.amount)}`
    case "ZapNote":
      return `ZAP: ${nip19.noteEncode(action.note)} | ${sats(action.amount)}`
    case "Goal":
      return `GOAL: ${action.text}`
    case "Remember":
      return `REMEMBER: ${action.text}`
    case "Forget":
      return `FORGET: ${action.id}`
    case "Nothing":
      return "NOTHING"
  }
}

const sats = (amount: Msat.Msat): string => String(Sat.fromMsatCeil(amount))

const valid = Schema.decodeUnknownOption(Action)

type Reader = (rest: string) => Option.Option<unknown>

const told = (_tag: Action["_tag"], fields: object): Option.Option<unknown> =>
  Option.some({ _tag, ...fields })

const readers = {
  POST: (text) => told("Post", { text }),
  DM: (rest) => {
    const [to, text] = split(rest, 2)
    return Option.flatMap(publicKey(to), (to) => told("DirectMessage", { to, text }))
  },
  CHANNEL: (rest) => {
    const [first, text] = split(rest, 2)
    if (text === undefined) return told("ChannelMessage", { text: first })
    const channel = eventId(first)
    if (Option.isSome(channel)) return told("ChannelMessage", { channel: channel.value, text })
    return told("ChannelMessage", { text: first === "" ? text : rest })
  },
  PAY_INVOICE: (rest) =>
    told("PayInvoice", { bolt11: rest.toLowerCase().replace(/^lightning:/, "") }),
  REQUEST_PAYMENT: (rest) => {
    const [from, sats, memo] = split(rest, 3)
    return Option.flatMap(publicKey(from), (from) =>
      Option.flatMap(amountOf(sats), (amount) => told("RequestPayment", { from, amount, memo }))
    )
  },
  ZAP: (rest) => {
    const [target, sats] = split(rest, 2)
    return Option.flatMap(amountOf(sats), (amount) =>
      Option.orElse(
        Option.flatMap(publicKey(target), (to) => told("ZapProfile", { to, amount })),
        () => Option.flatMap(eventId(target), (note) => told("ZapNote", { note, amount }))
      )
    )
  },
  GOAL: (text) => told("Goal", { text }),
  REMEMBER: (text) => told("Remember", { text }),
  FORGET: (id) => told("Forget", { id }),
  NOTHING: () => told("Nothing", {})
} satisfies Record<string, Reader>

/** The last part may hold the separator. */
const split = (rest: string, parts: number): ReadonlyArray<string | undefined> => {
  const all = rest.split("|")
  return all.length <= parts
    ? all.map((part) => part.trim())
    : [...all.slice(0, parts - 1), all.slice(parts - 1).join("|")].map((part) => part.trim())
}

const amountOf = (text: string | undefined): Option.Option<Msat.Msat> => {
  const [, digits] = /^(\d{1,13})(?:\s*sats?)?$/i.exec(text ?? "") ?? []
  return digits === undefined || Number(digits) === 0
    ? Option.none()
    : Option.map(Option.liftPredicate(Sat.is)(Number(digits)), Sat.toMsat)
}

/** NIP-21 prefix and NIP-19 forms, or hex. */
const publicKey = (text: string | undefined): Option.Option<Key.PublicKey> => {
  const name = (text ?? "").replace(/^nostr:/, "")
  const decoded = name.startsWith("nprofile1") ? decode(name) : undefined
  const key = decoded?.type === "nprofile" ? decoded.data.pubkey : name
  return Result.getSuccess(Key.parsePublic(key))
}

const isEventId = Schema.is(NostrEvent.EventId)

const eventId = (text: string | undefined): Option.Option<NostrEvent.EventId> => {
  const name = (text ?? "").replace(/^nostr:/, "")
  if (isEventId(name)) return Option.some(name)
  const decoded = /^(?:note|nevent)1/.test(name) ? decode(name) : undefined
  const id =
    decoded?.type === "note"
      ? decoded.data
      : decoded?.type === "nevent"
        ? decoded.data.id
        : undefined
  return Option.liftPredicate(isEventId)(id)
}

const decode = (name: string): nip19.DecodedResult | undefined =>
  Result.getOrUndefined(Result.try(() => nip19.decode(name)))
