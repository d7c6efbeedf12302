/** Who an agent is and what a person lets it do: what is decided about it, not by it. */
import { Key, NostrEvent } from "@farthing/protocol"
import { Schema } from "effect"
import { BusinessHours } from "./Heartbeat.ts"

/**
 * - `supervised`: whatever others would notice waits for a person
 * - `bounded`: speaks freely; writes to those who wrote to it or are trusted, pays those who are
 *   trusted; the rest waits for a person
 * - `autonomous`: acts on its own within the limits of its budget
 */
export const Autonomy = Schema.Literals(["supervised", "bounded", "autonomous"])
export type Autonomy = typeof Autonomy.Type

/** What starts a tick besides the heartbeat and a person. */
export const Listening = Schema.Literals(["mention", "dm", "zap", "channel"])
export type Listening = typeof Listening.Type

/**
 * Whether the text of a direct message stands in prompts. They travel to providers in channels
 * that everybody can read, so that is for its writers to know.
 */
export const Confidence = Schema.Literals(["hidden", "shown"])
export type Confidence = typeof Confidence.Type

/** Who may read what an agent did in its ticks: everybody, itself alone, or nobody. */
export const Visibility = Schema.Literals(["public", "private", "off"])
export type Visibility = typeof Visibility.Type

const text = (most: number) => Schema.String.check(Schema.isMaxLength(most))

const atMost = <S extends Schema.Constraint>(schema: S, most: number) =>
  Schema.Array(schema).check(Schema.isMaxLength(most))

export const Charter = Schema.Struct({
  name: text(100).check(Schema.isNonEmpty()),
  /** What it is for, in the words of whoever made it; stands in every prompt. */
  about: text(4_000),
  heartbeatSeconds: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 31_536_000 })),
  /** By what share of the interval a heartbeat may come earlier or later. */
  jitter: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 0.5 })),
  businessHours: Schema.optionalKey(BusinessHours),
  triggers: atMost(Listening, 4),
  autonomy: Autonomy,
  /** May be written to and paid without asking, where the agent is `bounded`. */
  trusted: atMost(Key.PublicKey, 1_000),
  /** Node keys (33 bytes in hex) whose invoices may be paid without asking. */
  trustedNodes: atMost(Schema.String.check(Schema.isPattern(/^0[23][0-9a-f]{64}$/)), 1_000),
  /** NIP-28 channels in which it listens and may speak; the first one is meant where none is named. */
  channels: atMost(NostrEvent.EventId, 20),
  directMessages: Confidence,
  trajectory: Visibility,
  /** Of a thought. */
  maxTokens: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100_000 })),
  model: Schema.optionalKey(text(200))
})
export interface Charter extends Schema.Schema.Type<typeof Charter> {}

/** Everything but the name. */
export const defaults: Omit<Charter, "name"> = {
  about: "",
  heartbeatSeconds: 900,
  jitter: 0.1,
  triggers: ["mention", "dm", "zap"],
  autonomy: "bounded",
  trusted: [],
  trustedNodes: [],
  channels: [],
  directMessages: "hidden",
  trajectory: "public",
  maxTokens: 500
}

export const make = (charter: Partial<Charter> & Pick<Charter, "name">): Charter => ({
  ...defaults,
  ...charter
})
