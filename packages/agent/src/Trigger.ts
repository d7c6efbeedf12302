/** What makes an agent turn its mind to the world. */
import { NostrEvent, Text } from "@farthing/protocol"
import { Schema } from "effect"

const Heartbeat = Schema.TaggedStruct("Heartbeat", {})

/** A person, or a program, asks for a tick. */
const Manual = Schema.TaggedStruct("Manual", {
  note: Schema.String.check(Schema.isMaxLength(2_000))
})

const ofEvent = <Tag extends string>(tag: Tag) =>
  Schema.TaggedStruct(tag, { event: NostrEvent.EventId })

export const Trigger = Schema.Union([
  Heartbeat,
  Manual,
  ofEvent("Mention"),
  ofEvent("DirectMessage"),
  ofEvent("Zap"),
  ofEvent("ChannelMessage")
])
export type Trigger = typeof Trigger.Type

export const heartbeat: Trigger = { _tag: "Heartbeat" }

export const manual = (note = ""): Trigger => ({ _tag: "Manual", note: Text.clip(note, 2_000) })

/** What stands for several that come together: the strongest, and of equals the first. */
export const strongest = (triggers: ReadonlyArray<Trigger>): Trigger | undefined =>
  triggers.toSorted((a, b) => strength[b._tag] - strength[a._tag])[0]

const strength: Readonly<Record<Trigger["_tag"], number>> = {
  Manual: 5,
  DirectMessage: 4,
  Mention: 3,
  ChannelMessage: 2,
  Zap: 1,
  Heartbeat: 0
}

/** The words of schedules and tick requests (kinds 39202 and 39210). */
export const wireName: Readonly<Record<Trigger["_tag"], string>> = {
  Heartbeat: "heartbeat",
  Manual: "manual",
  Mention: "mention",
  DirectMessage: "dm",
  Zap: "zap",
  ChannelMessage: "channel_message"
}
