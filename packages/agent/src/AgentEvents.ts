/**
 * What an agent publishes of itself: profile (kind 39200), state (39201), schedule (39202), and
 * what it does in a tick (39210, 39211, 39230, 39231). All are addressable.
 */
import type { Treasury } from "@farthing/budget"
import type { Key, NostrEvent } from "@farthing/protocol"
import type { Draft } from "@farthing/relay/Signer"
import type { Charter } from "./Charter.ts"
import * as Trigger from "./Trigger.ts"

export const profileKind = 39_200
export const stateKind = 39_201
export const scheduleKind = 39_202
export const tickRequestKind = 39_210
export const tickResultKind = 39_211
export const sessionKind = 39_230
export const stepKind = 39_231

export const profile = ({ about, autonomy, name }: Charter): Draft => ({
  kind: profileKind,
  tags: [
    ["d", "profile"],
    ["autonomy", autonomy]
  ],
  content: JSON.stringify({ name, about, autonomy, version: "1" })
})

export const schedule = ({ businessHours, heartbeatSeconds, triggers }: Charter): Draft => ({
  kind: scheduleKind,
  tags: [
    ["d", "schedule"],
    ["heartbeat", String(heartbeatSeconds)],
    ...triggers.map((trigger) => ["trigger", trigger === "channel" ? "channel_message" : trigger])
  ],
  content: JSON.stringify(businessHours === undefined ? {} : { business_hours: businessHours })
})

/** What the agent carries with it, encrypted to itself. */
export const state = (ciphertext: string): Draft => ({
  kind: stateKind,
  tags: [
    ["d", "state"],
    ["encrypted", "nip44"]
  ],
  content: ciphertext
})

export const tickRequest = (
  id: Treasury.TickId,
  trigger: Trigger.Trigger,
  runner: Key.PublicKey
): Draft => ({
  kind: tickRequestKind,
  tags: [
    ["d", id],
    ["runner", runner],
    ["trigger", Trigger.wireName[trigger._tag]]
  ],
  content: ""
})

export interface TickEnd {
  readonly id: Treasury.TickId
  readonly runner: Key.PublicKey
  readonly status: "success" | "failure"
  readonly millis: number
  readonly actions: number
  readonly content: string
}

export const tickResult = ({ actions, content, id, millis, runner, status }: TickEnd): Draft => ({
  kind: tickResultKind,
  tags: [
    ["d", id],
    ["runner", runner],
    ["status", status],
    ["duration_ms", String(millis)],
    ["actions", String(actions)]
  ],
  content
})

export const session = (id: Treasury.TickId, steps: number, content: string): Draft => ({
  kind: sessionKind,
  tags: [
    ["d", id],
    ["steps", String(steps)]
  ],
  content
})

export const step = (id: Treasury.TickId, seq: number, type: string, content: string): Draft => ({
  kind: stepKind,
  tags: [
    ["d", `${id}:${seq}`],
    ["session", id],
    ["type", type]
  ],
  content
})

/** Where an event of this draft will be found (NIP-01). */
export const addressOf = (author: Key.PublicKey, { kind, tags }: Draft): string =>
  `${kind}:${author}:${tags.find(([name]) => name === "d")?.[1] ?? ""}`

/** Whether an event says what a draft would say. */
export const isSaid = (event: NostrEvent.NostrEvent, draft: Draft): boolean =>
  event.content === draft.content && JSON.stringify(event.tags) === JSON.stringify(draft.tags)
