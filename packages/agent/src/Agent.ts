/**
 * An agent that lives on its own money: it looks around, buys a thought, and acts on it.
 */
import { Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { type Key, Msat, type Network, Sat } from "@farthing/protocol"
import { Relay, Signer } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import { Clock, Context, Duration, Effect, Layer, Semaphore } from "effect"
import { randomUUID } from "node:crypto"
import { AgentBook, type BookUnavailable } from "./AgentBook.ts"
import { AgentBusy, type AgentUnknown, type TickError } from "./AgentError.ts"
import * as AgentState from "./AgentState.ts"
import * as AgentView from "./AgentView.ts"
import type { Body } from "./Body.ts"
import { load } from "./Loading.ts"
import * as Metrics from "./Metrics.ts"
import * as Tick from "./Tick.ts"
import type { ActionId } from "./TickRecord.ts"
import type { Trigger } from "./Trigger.ts"
import { ZapInvoices } from "./ZapInvoices.ts"

export type { AgentView } from "./AgentView.ts"
export type { Rest, TickReport } from "./Tick.ts"

export interface Shape {
  readonly publicKey: Key.PublicKey
  /**
   * One turn: observe, think, act. What an earlier process began is taken up first. A rest is no
   * failure; where it fails, the error says why nothing was thought, or why nobody knows yet.
   */
  readonly tick: (trigger: Trigger) => Effect.Effect<Tick.TickReport, TickError>
  /** How it stands now; for somebody who looks in again and again. */
  readonly view: Effect.Effect<
    AgentView.AgentView,
    AgentUnknown | BookUnavailable | Treasury.LedgerUnavailable | ComputeFault
  >
  /** Does what an earlier process, or a person's word, has left to do, and thinks of nothing new. */
  readonly catchUp: Effect.Effect<void, TickError>
  /**
   * A person's yes, or no: false where nothing of that name waits for one. `catchUp`, or the next
   * tick, does it.
   */
  readonly decide: (
    action: ActionId,
    isApproved: boolean
  ) => Effect.Effect<boolean, BookUnavailable>
  /** It thinks and acts no more until it is resumed. */
  readonly pause: Effect.Effect<void, BookUnavailable>
  readonly resume: Effect.Effect<void, BookUnavailable>
  /** A goal that only a person can take away again. */
  readonly assign: (goal: string) => Effect.Effect<void, TickError>
  /** Takes a goal or a memory away, whoever it is from. */
  readonly drop: (id: string) => Effect.Effect<void, TickError>
}

/** What may be wrong when the market's books are read. */
type ComputeFault = Effect.Error<ReturnType<ComputeClient.Shape["jobs"]>>

export class Agent extends Context.Service<Agent, Shape>()("@farthing/agent/Agent") {}

export interface Options {
  readonly network: Network.Network
  /** Warned when the money lasts no longer. */
  readonly lowBalanceDays: number
  /** Sleeps below this. */
  readonly hibernateBelow: Msat.Msat
  /** The most that one thought may cost; default 1,000 sats. */
  readonly perTick?: Msat.Msat | undefined
  /** What has to stay in the wallet; default nothing. */
  readonly reserve?: Msat.Msat
  /** Per day: what counts until its own burn is measured; default nothing. */
  readonly burn?: Msat.Msat
  /** About how many tokens a prompt may have; default 4,000. */
  readonly promptTokens?: number
  /** After how long without a sign of life a tick's process counts as dead; default 15 seconds. */
  readonly lease?: Duration.Input
}

type Requirements =
  | AgentBook
  | ComputeClient.ComputeClient
  | Relay.Relay
  | Signer.Signer
  | Treasury.Treasury
  | Wallet.Wallet
  | ZapInvoices

export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Shape, never, Requirements> {
  const book = yield* AgentBook
  const signer = yield* Signer.Signer
  const agent = signer.publicKey
  const owner = randomUUID()
  const lease = Duration.toMillis(options.lease ?? "15 seconds")
  const turn = yield* Semaphore.make(1)
  const body: Body = {
    book,
    signer,
    relay: yield* Relay.Relay,
    wallet: yield* Wallet.Wallet,
    treasury: yield* Treasury.Treasury,
    compute: yield* ComputeClient.ComputeClient,
    zaps: yield* ZapInvoices,
    pen: book.pen(agent, owner),
    economy: {
      network: options.network,
      lowBalanceDays: options.lowBalanceDays,
      hibernateBelow: options.hibernateBelow,
      perTick: options.perTick ?? usualPerTick,
      reserve: options.reserve ?? Msat.zero,
      burn: options.burn ?? Msat.zero,
      promptTokens: options.promptTokens ?? 4_000
    }
  }

  const claim = Effect.gen(function* () {
    const until = (yield* Clock.currentTimeMillis) + lease
    return yield* book.leases.claim(agent, owner, until)
  })

  /** Alone at this agent, among all processes, as long as it takes. */
  const alone = <A, E>(
    effect: Effect.Effect<A, E>
  ): Effect.Effect<A, E | AgentBusy | BookUnavailable> =>
    Effect.acquireUseRelease(
      Effect.filterOrFail(
        claim,
        (isOurs) => isOurs,
        () => new AgentBusy({ agent })
      ),
      () => Effect.raceFirst(effect, keepAlive),
      () => Effect.ignore(book.leases.letGo(agent, owner))
    ).pipe(turn.withPermit)

  /** What is lost is noticed by the next step. */
  const keepAlive = Effect.ignore(claim).pipe(Effect.delay(lease / 3), Effect.forever)

  const change = (to: (state: AgentState.AgentState) => AgentState.AgentState) =>
    alone(Effect.flatMap(load(body), ({ state }) => body.pen.write({ state: to(state) })))

  return {
    publicKey: agent,
    tick: Effect.fn("Agent.tick")((trigger: Trigger) =>
      Metrics.counted(alone(Tick.tick(body, trigger)))
    ),
    catchUp: alone(Tick.catchUp(body)).pipe(Effect.withSpan("Agent.catchUp")),
    view: AgentView.of(body),
    decide: (action, isApproved) => {
      const [tick, position] = action.split(".").map(Number)
      return book.ticks.decide({ agent, tick: tick ?? 0, position: position ?? 0 }, isApproved)
    },
    pause: book.members.setPaused(agent, true),
    resume: book.members.setPaused(agent, false),
    assign: (goal) => change((state) => AgentState.adopt(state, goal, "person")),
    drop: (id) => change((state) => AgentState.drop(state, id))
  }
})

/** The seed's: what a tick may cost where no limit is configured. */
const usualPerTick = Sat.toMsat(Sat.make(1_000))

export const layer = (options: Options): Layer.Layer<Agent, never, Requirements> =>
  Layer.effect(Agent, make(options))
