/**
 * What the relays have for many agents at once: few subscriptions, each for some hundred of them,
 * over the connections that all share. An agent costs a key in a filter.
 */
import { Channel, type Filter, type Key, NostrEvent } from "@farthing/protocol"
import type { Relay } from "@farthing/relay"
import { Array as Arr, Option, Stream } from "effect"
import type { Charter } from "./Charter.ts"
import * as DirectMessage from "./DirectMessage.ts"
import * as Mail from "./Mail.ts"

export interface Listener {
  readonly id: Key.PublicKey
  readonly triggers: Charter["triggers"]
  readonly channels: Charter["channels"]
}

export interface Received {
  readonly agent: Key.PublicKey
  readonly letter: Mail.Letter
}

/** Relays take messages of 128 KiB; four filters of these many keys have half of that. */
const atOnce = 250

/** Letters for the agents as they come, those since a unix second first. */
export const letters = (
  relay: Pick<Relay.Shape, "subscribe">,
  listeners: ReadonlyArray<Listener>,
  since: number
): Stream.Stream<Received, Relay.RelayError> =>
  Stream.mergeAll(
    Arr.chunksOf(listeners, atOnce).map((some) => lettersFor(relay, some, since)),
    { concurrency: "unbounded" }
  )

const lettersFor = (
  relay: Pick<Relay.Shape, "subscribe">,
  listeners: ReadonlyArray<Listener>,
  since: number
): Stream.Stream<Received, Relay.RelayError> => {
  const byKey = new Map(listeners.map((listener) => [listener.id, listener]))
  const inChannel = new Map<string, Array<Listener>>()
  for (const listener of listeners)
    if (listener.triggers.includes("channel"))
      for (const channel of listener.channels)
        inChannel.set(channel, [...(inChannel.get(channel) ?? []), listener])

  const receive = (event: NostrEvent.NostrEvent): ReadonlyArray<Received> => {
    const named = NostrEvent.tagValues(event, "p").flatMap(
      (key) => byKey.get(key as Key.PublicKey) ?? []
    )
    const channel = Option.getOrElse(Channel.channelOf(event), () => "")
    const listening = new Set([...named, ...(inChannel.get(channel) ?? [])])
    return Array.from(listening).flatMap((listener) =>
      Option.toArray(letterFor(listener, event)).map((letter) => ({ agent: listener.id, letter }))
    )
  }

  const filters = filtersFor(listeners, [...inChannel.keys()], since)
  return filters.length === 0
    ? Stream.empty
    : relay.subscribe(filters).pipe(Stream.flatMap((event) => Stream.fromIterable(receive(event))))
}

const letterFor = ({ channels, id, triggers }: Listener, event: NostrEvent.NostrEvent) =>
  Option.filter(
    Mail.letterFor(id, event, (channel) => channels.includes(channel)),
    ({ kind }) => triggers.includes(kind)
  )

const kindsOf: Readonly<
  Record<Exclude<Charter["triggers"][number], "channel">, ReadonlyArray<number>>
> = {
  mention: [Mail.noteKind],
  zap: [Mail.zapReceiptKind],
  dm: [DirectMessage.olderKind]
}

const filtersFor = (
  listeners: ReadonlyArray<Listener>,
  channels: ReadonlyArray<string>,
  since: number
): ReadonlyArray<Filter.Filter> => {
  const heard = (trigger: Charter["triggers"][number]) =>
    listeners.flatMap(({ id, triggers }) => (triggers.includes(trigger) ? [id] : []))
  const named = (["mention", "zap", "dm"] as const).map((trigger): Filter.Filter => ({
    kinds: kindsOf[trigger],
    "#p": heard(trigger),
    since
  }))
  const wrapped: Filter.Filter = {
    kinds: [DirectMessage.wrapKind],
    "#p": heard("dm"),
    since: since - DirectMessage.backdated
  }
  const channelled: Filter.Filter = { kinds: [Channel.messageKind], "#e": channels, since }
  return [...named, wrapped, channelled].filter(
    (filter) => (filter["#p"] ?? filter["#e"] ?? []).length > 0
  )
}
