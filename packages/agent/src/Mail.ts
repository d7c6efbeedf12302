/** What others say to an agent, as it comes from the relays: everything in it is data of theirs. */
import { Bolt11, Channel, Key, Msat, NostrEvent, Text } from "@farthing/protocol"
import type { Signer } from "@farthing/relay"
import { Effect, Option, Result, Schema } from "effect"
import * as DirectMessage from "./DirectMessage.ts"
import { Listening } from "./Charter.ts"
import type { Trigger } from "./Trigger.ts"

export const noteKind = 1
export const zapReceiptKind = 9735
export const zapRequestKind = 9734

/** An event for an agent; what is encrypted in it only the agent can read. */
export interface Letter {
  readonly kind: Listening
  readonly event: NostrEvent.NostrEvent
}

/** A letter that was read. */
export const Mail = Schema.Struct({
  id: NostrEvent.EventId,
  kind: Listening,
  from: Key.PublicKey,
  /** Unix seconds, as its author says. */
  at: Schema.Int,
  text: Schema.String,
  /** What a zap's receipt claims to have brought. */
  claimed: Schema.optionalKey(Msat.Msat)
})
export interface Mail extends Schema.Schema.Type<typeof Mail> {}

/** More of a text is not read. */
const mostText = 2_000

/** How it is that an event is for an agent; none where it is not, or is its own. */
export const letterFor = (
  agent: Key.PublicKey,
  event: NostrEvent.NostrEvent,
  isListening: (channel: NostrEvent.EventId) => boolean
): Option.Option<Letter> => {
  const kind = event.pubkey === agent ? undefined : kindOf(agent, event, isListening)
  return kind === undefined ? Option.none() : Option.some({ kind, event })
}

const kindOf = (
  agent: Key.PublicKey,
  event: NostrEvent.NostrEvent,
  isListening: (channel: NostrEvent.EventId) => boolean
): Listening | undefined => {
  const isNamed = NostrEvent.tagValues(event, "p").includes(agent)
  switch (event.kind) {
    case noteKind:
      return isNamed ? "mention" : undefined
    case DirectMessage.wrapKind:
    case DirectMessage.olderKind:
      return isNamed ? "dm" : undefined
    case zapReceiptKind:
      return isNamed ? "zap" : undefined
    case Channel.messageKind:
      return Option.exists(Channel.channelOf(event), isListening) ? "channel" : undefined
    default:
      return undefined
  }
}

export const triggerOf = ({
  event: { id },
  kind
}: Pick<Letter, "kind"> & { readonly event: Pick<NostrEvent.NostrEvent, "id"> }): Trigger => {
  switch (kind) {
    case "mention":
      return { _tag: "Mention", event: id }
    case "dm":
      return { _tag: "DirectMessage", event: id }
    case "zap":
      return { _tag: "Zap", event: id }
    case "channel":
      return { _tag: "ChannelMessage", event: id }
  }
}

/** None where there is nothing in it that can be read. */
export const read = (
  signer: Signer.Shape,
  { event, kind }: Letter
): Effect.Effect<Option.Option<Mail>> => {
  const of = (from: Key.PublicKey, at: number, text: string): Mail => ({
    id: event.id,
    kind,
    from,
    at,
    text: Text.clip(Text.printableLines(text.slice(0, mostText * 2)), mostText)
  })
  switch (kind) {
    case "dm":
      return DirectMessage.open(signer, event).pipe(
        Effect.map(({ at, from, text }) => of(from, at, text)),
        Effect.option
      )
    case "zap":
      return Effect.succeed(
        Option.map(zapOf(event, signer.publicKey), ({ amount, request }) => ({
          ...of(request.pubkey, event.created_at, request.content),
          claimed: amount
        }))
      )
    default:
      return Effect.succeedSome(of(event.pubkey, event.created_at, event.content))
  }
}

const ZapRequest = Schema.fromJsonString(NostrEvent.NostrEvent)

/**
 * NIP-57: what a receipt says was paid, and the request of whoever paid. Anybody can write one:
 * only the wallet knows what came in.
 */
const zapOf = (receipt: NostrEvent.NostrEvent, agent: Key.PublicKey) =>
  Option.gen(function* () {
    const request = yield* Schema.decodeUnknownOption(ZapRequest)(
      NostrEvent.tagValue(receipt, "description")
    )
    const invoice = yield* Result.getSuccess(
      Bolt11.decode(NostrEvent.tagValue(receipt, "bolt11") ?? "")
    )
    const isGenuine =
      request.kind === zapRequestKind &&
      NostrEvent.tagValue(request, "p") === agent &&
      NostrEvent.verify(request)
    return isGenuine ? { request, amount: yield* invoice.amount } : yield* Option.none()
  })
