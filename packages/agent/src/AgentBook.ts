/**
 * What is remembered of agents: who they are, their state, their ticks and actions, what others
 * wrote to them, and what they are about to publish. Every step is durable before the next one is
 * taken, and is taken by one process alone: whoever holds the agent's lease.
 */
import type { Key, Msat, NostrEvent } from "@farthing/protocol"
import { Context, Schema } from "effect"
import type { Effect, Option } from "effect"
import type { AgentState } from "./AgentState.ts"
import type { Charter } from "./Charter.ts"
import type { LifeState } from "./LifeState.ts"
import type { Letter } from "./Mail.ts"
import type { ActionRecord, ActionState, TickRecord } from "./TickRecord.ts"
import type { Trigger } from "./Trigger.ts"

/** An agent as a worker knows it before it does anything. */
export interface Member {
  readonly id: Key.PublicKey
  /** Of the mnemonic (NIP-06), where its key comes from one. */
  readonly account: number | undefined
  readonly charter: Charter
  readonly isPaused: boolean
  readonly life: LifeState | undefined
  /** Unix milliseconds; undefined before its first heartbeat. */
  readonly nextHeartbeat: number | undefined
}

/** What is written with a step. */
export interface Changes {
  readonly state?: AgentState
  /** Signed, to be published in these very bytes. */
  readonly events?: ReadonlyArray<NostrEvent.NostrEvent>
}

/** What is new of an action. */
export interface Step extends Changes {
  readonly to: ActionState
  readonly note?: string
  readonly bolt11?: string
  readonly cost?: Msat.Msat
  readonly event?: NostrEvent.EventId
}

export type Written<A = void> = Effect.Effect<A, BookUnavailable>

export interface Members {
  /** A member that is known already keeps its state and gets the new charter. */
  readonly enrol: (member: Pick<Member, "id" | "account" | "charter">) => Written
  readonly find: (agent: Key.PublicKey) => Written<Option.Option<Member>>
  readonly all: Written<ReadonlyArray<Member>>
  readonly setPaused: (agent: Key.PublicKey, isPaused: boolean) => Written
  /** Unix milliseconds. */
  readonly setHeartbeat: (agent: Key.PublicKey, next: number) => Written
  /** None until there is one. */
  readonly state: (agent: Key.PublicKey) => Written<Option.Option<AgentState>>
}

/** One process at a time is at an agent; `until` in unix milliseconds. */
export interface Leases {
  readonly claim: (agent: Key.PublicKey, owner: string, until: number) => Written<boolean>
  readonly letGo: (agent: Key.PublicKey, owner: string) => Written
}

/** Steps of whoever holds the lease; they fail with `LeaseLost` where another process took over. */
export interface Pen {
  readonly write: (changes: Changes) => Taken
  readonly begin: (
    tick: Omit<TickRecord, "stage" | "reply" | "cost" | "provider" | "note" | "finishedAt">,
    changes: Changes
  ) => Taken
  readonly thought: (
    tick: TickRecord,
    thought: Pick<TickRecord, "reply" | "cost" | "provider">,
    actions: ReadonlyArray<ActionRecord>,
    changes: Changes
  ) => Taken
  readonly finish: (tick: TickRecord, finishedAt: number, changes: Changes) => Taken
  /** What others wrote is unread again. */
  readonly fail: (tick: TickRecord, finishedAt: number, note: string, changes: Changes) => Taken
  readonly step: (action: ActionRecord, step: Step) => Taken
  /** What was waiting when the state was published (after the loss of the machine). */
  readonly restore: (changes: Changes, waiting: ReadonlyArray<ActionRecord>) => Taken
}

export type Taken = Effect.Effect<void, BookUnavailable | LeaseLost>

export interface Ticks {
  /** The one that is not at its end, if there is one. */
  readonly unfinished: (agent: Key.PublicKey) => Written<Option.Option<TickRecord>>
  /** Newest first. */
  readonly latest: (agent: Key.PublicKey, limit: number) => Written<ReadonlyArray<TickRecord>>
  /** Of a tick, in their order. */
  readonly actions: (agent: Key.PublicKey, tick: number) => Written<ReadonlyArray<ActionRecord>>
  /** Of any tick, in one of these states. */
  readonly actionsIn: (
    agent: Key.PublicKey,
    states: ReadonlyArray<ActionState>
  ) => Written<ReadonlyArray<ActionRecord>>
  /** A person's word; false where the action waits for none (any more). */
  readonly decide: (
    action: Pick<ActionRecord, "agent" | "tick" | "position">,
    isApproved: boolean
  ) => Written<boolean>
}

export interface Post {
  /** False for what is known already, or more than an agent, or one author, may have unread. */
  readonly receive: (agent: Key.PublicKey, letter: Letter, at: number) => Written<boolean>
  /** Oldest first. */
  readonly unread: (agent: Key.PublicKey, limit: number) => Written<ReadonlyArray<Letter>>
  /** Agents that have something unread, with a trigger for each. */
  readonly unheard: Written<
    ReadonlyArray<{ readonly agent: Key.PublicKey; readonly trigger: Trigger }>
  >
  /** They will not be shown again. */
  readonly discard: (agent: Key.PublicKey, ids: ReadonlyArray<string>) => Written
  readonly unpublished: (agent: Key.PublicKey) => Written<ReadonlyArray<NostrEvent.NostrEvent>>
  readonly published: (ids: ReadonlyArray<string>, at: number) => Written
  /** The last event that took an address (NIP-01), published or not. */
  readonly lastAt: (address: string) => Written<Option.Option<NostrEvent.NostrEvent>>
  /** Forgets what was read, published and thought before a unix millisecond, word for word. */
  readonly prune: (agent: Key.PublicKey, before: number) => Written
}

export interface Shape {
  readonly members: Members
  readonly leases: Leases
  readonly pen: (agent: Key.PublicKey, owner: string) => Pen
  readonly ticks: Ticks
  readonly post: Post
}

export class AgentBook extends Context.Service<AgentBook, Shape>()("@farthing/agent/AgentBook") {}

/** The book cannot be read or written; without it no agent does anything. */
export class BookUnavailable extends Schema.TaggedError<BookUnavailable>()("AgentBookUnavailable", {
  message: Schema.String
}) {}

/** Another process has taken the agent over. */
export class LeaseLost extends Schema.TaggedError<LeaseLost>()("LeaseLost", {
  message: Schema.String
}) {}
