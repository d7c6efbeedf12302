/** A purchase under way: what is wanted, on what terms, and who is told of its progress. */
import { Treasury } from "@farthing/budget"
import type { Msat, Settlement } from "@farthing/protocol"
import { Clock, Effect } from "effect"
import { randomUUID } from "node:crypto"
import type { InferenceRequest, Progress, Stage } from "./Inference.ts"
import type { ComputeOptions } from "./ComputeOptions.ts"
import * as Metrics from "./Metrics.ts"
import * as Mode from "./Mode.ts"
import type { Provider } from "./Provider.ts"
import type { Receipt } from "./Receipt.ts"
import type { Selection } from "./Selection.ts"

export interface Purchase {
  readonly id: Treasury.PurchaseId
  /** The caller has not named it, so that nothing can be known of it. */
  readonly isNew: boolean
  readonly tick: Treasury.TickId
  readonly prompt: string
  readonly maxTokens: number
  /** Whether the text should come piece by piece. */
  readonly stream: boolean
  /** The most that invoice and fee together may cost. */
  readonly budget: Msat.Msat
  readonly approved: boolean
  /** How it may be settled. */
  readonly usable: Mode.Usable
  /** The one provider to buy from, where the caller has chosen it. */
  readonly provider: Provider | undefined
  readonly selection: Terms
  readonly options: ComputeOptions
  readonly tell: (progress: Progress) => Effect.Effect<void>
  /** Milliseconds spent in each stage so far, all attempts together. */
  readonly times: Map<Stage, number>
}

/** How the caller wants the text. */
export type Delivery = Pick<Purchase, "stream" | "tell">

/** A selection in which nothing is left open. */
export interface Terms extends Selection {
  readonly policy: NonNullable<Selection["policy"]>
  readonly fallbacks: boolean
  readonly quotes: number
}

/** `rails` asks the wallet on what it can lock money, and only where the answer matters. */
export const make = <E>(
  request: InferenceRequest,
  options: ComputeOptions,
  delivery: Delivery,
  rails: Effect.Effect<ReadonlyArray<Settlement.Rail>, E>
): Effect.Effect<Purchase, E> =>
  Effect.gen(function* () {
    const id = request.purchase ?? Treasury.PurchaseId.make(randomUUID())
    const model = request.model ?? request.selection?.model
    const wanted: ReadonlyArray<Settlement.Settlement> = request.settlement ?? options.settlement
    return {
      ...delivery,
      id,
      isNew: request.purchase === undefined,
      tick: request.tick ?? Treasury.TickId.make(id),
      prompt: request.prompt,
      maxTokens: request.maxTokens ?? options.maxTokens,
      budget: request.budget,
      approved: request.approved ?? false,
      usable: Mode.usable(wanted, {
        rails: Mode.needsLock(wanted) ? yield* rails : undefined,
        quotes: request.selection?.quotes ?? options.quotes
      }),
      provider: request.provider,
      selection: {
        policy: options.policy,
        fallbacks: options.fallbacks,
        quotes: options.quotes,
        ...request.selection,
        ...(model === undefined ? {} : { model })
      },
      options,
      times: new Map()
    }
  })

/** Tells that a stage begins, and adds up the time it takes; a span each, where those are kept. */
export const stage = <A, E, R>(
  purchase: Purchase,
  name: Stage,
  message: string,
  effect: Effect.Effect<A, E, R>,
  provider?: Provider
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const about = provider === undefined ? {} : { provider: provider.pubkey }
    yield* purchase.tell({ _tag: "Stage", stage: name, message, ...about })
    const begin = yield* Clock.monotonicTimeNanos
    return yield* Effect.ensuring(
      effect,
      Effect.flatMap(Clock.monotonicTimeNanos, (end) => {
        const millis = Number(end - begin) / 1e6
        purchase.times.set(name, (purchase.times.get(name) ?? 0) + millis)
        return Metrics.stageTook(name, millis)
      })
    )
  }).pipe(Effect.withSpan(`ComputeClient.${name}`, undefined, { captureStackTrace: false }))

/** The time of each stage, in the order in which they began. */
export const stages = (purchase: Purchase): Receipt["stages"] =>
  Array.from(purchase.times, ([stage, millis]) => ({ stage, millis }))
