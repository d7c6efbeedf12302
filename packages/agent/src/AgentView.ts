/** An agent as somebody sees who looks in, from this process or from another one. */
import type { Treasury } from "@farthing/budget"
import { ComputeClient, type Receipt } from "@farthing/compute"
import type { Key } from "@farthing/protocol"
import { Effect, Option } from "effect"
import type { Member } from "./AgentBook.ts"
import { AgentUnknown } from "./AgentError.ts"
import * as AgentState from "./AgentState.ts"
import type { Body } from "./Body.ts"
import * as LifeState from "./LifeState.ts"
import * as Means from "./Means.ts"
import type * as Runway from "./Runway.ts"
import type { ActionRecord, TickRecord } from "./TickRecord.ts"

/** What its books say. */
export interface Books {
  readonly publicKey: Key.PublicKey
  readonly member: Member
  readonly state: AgentState.AgentState
  /** Spent and held today, and every limit with what is used of it. */
  readonly budget: Treasury.Status
  /** Newest first. */
  readonly ticks: ReadonlyArray<TickRecord>
  /** Of the newest tick. */
  readonly actions: ReadonlyArray<ActionRecord>
  /** What a person has to decide. */
  readonly waiting: ReadonlyArray<ActionRecord>
  /** Jobs that are not at their end, with the state they are in. */
  readonly jobs: ReadonlyArray<ComputeClient.Job>
  /** Newest first. */
  readonly receipts: ReadonlyArray<Receipt.Receipt>
}

export interface AgentView extends Books {
  readonly life: LifeState.LifeState
  /** Undefined while the wallet does not answer. */
  readonly runway: Runway.Runway | undefined
}

const latest = 10

/** Reads the books alone, as often as somebody likes: no wallet and no relay is asked. */
export const booksOf = Effect.fnUntraced(function* (
  agent: Key.PublicKey,
  { book, compute, treasury }: Pick<Body, "book" | "compute" | "treasury">
) {
  const found = yield* book.members.find(agent)
  if (Option.isNone(found)) return yield* new AgentUnknown({ agent })
  const state = Option.getOrElse(yield* book.members.state(agent), () => AgentState.initial)
  const ticks = yield* book.ticks.latest(agent, latest)
  const jobs = yield* compute.jobs({ limit: latest })
  return {
    publicKey: agent,
    member: found.value,
    state,
    budget: yield* treasury.status,
    ticks,
    actions: ticks[0] === undefined ? [] : yield* book.ticks.actions(agent, ticks[0].number),
    waiting: yield* book.ticks.actionsIn(agent, ["waiting"]),
    jobs: jobs.filter(({ state }) => live.has(state)),
    receipts: yield* compute.receipts({ limit: latest })
  } satisfies Books
})

/** Reads books and asks the wallet; changes nothing. */
export const of = Effect.fnUntraced(function* (body: Body) {
  const books = yield* booksOf(body.signer.publicKey, body)
  const means = Option.getOrUndefined(yield* Effect.option(Means.refresh(body, books.state)))
  return {
    ...books,
    life: means?.life ?? books.state.life ?? "dormant",
    runway: means?.runway
  } satisfies AgentView
})

/** A person's way of saying how much of a limit is used: 0 to 1. */
export const usedOf = ({ held, most, spent }: Treasury.LimitStatus): number =>
  most === 0 ? 1 : Math.min(1, (spent + held) / most)

const live: ReadonlySet<ComputeClient.JobState> = new Set(ComputeClient.underWay)
