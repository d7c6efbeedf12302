/**
 * Which backend a job goes to, and how much is sold: both follow the backends' health.
 *
 * A job is asked of the healthy ones that serve its model, in their order. Those that are not
 * healthy come after them, because what was paid is better tried than given back.
 */
import { Clock, Effect, Latch, Stream } from "effect"
import * as BackendHealth from "./BackendHealth.ts"
import * as Backends from "./Backends.ts"
import { InferenceBackend, type InferenceError, type Part, type Shape } from "./InferenceBackend.ts"
import * as Metrics from "./Metrics.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"
import type { Resolved } from "./ProviderOptions.ts"

export interface Routing {
  /** All of them as one. */
  readonly backend: Shape
  /** What is on offer now, the default model first; nothing while no backend is healthy. */
  readonly models: () => ReadonlyArray<string>
  /** Jobs at once: of the whole capacity the share of the backends that have something to sell. */
  readonly capacity: () => number
  readonly health: () => ReadonlyArray<BackendHealth.BackendHealth>
  /** Waits until there is something to say of what is on offer. */
  readonly known: Effect.Effect<void>
  /** Looks after the backends, until it is interrupted; tells of what becomes of the offer. */
  readonly tend: (onChange: Effect.Effect<void>) => Effect.Effect<never>
}

/** Once a backend is known to be healthy, how long the others are waited for. */
const patience = "1 second"

export const make = Effect.fnUntraced(function* (services: {
  readonly backend: Shape
  readonly options: Pick<Resolved, "models" | "capacity">
  readonly tell: (event: ProviderEvent) => Effect.Effect<void>
}) {
  const { backend, options, tell } = services
  const members = backend.members ?? [backend]
  const backends = yield* Effect.forEach(members, BackendHealth.watching)
  const context = yield* Effect.context()
  const countFault = new Map(members.map((one) => [one, Metrics.faultsOf(one.name, context)]))
  const countFirstText = Metrics.firstText(context)
  const clock = yield* Clock.Clock
  const oneHealthy = yield* Latch.make(false)
  const allKnown = yield* Latch.make(false)

  const healthy = () => backends.filter(({ health }) => health().isHealthy)
  const served = () => [...new Set(healthy().flatMap(({ health }) => health().models))]

  /** What is sold; asked for with every request, and another only when a backend's health is. */
  let models: ReadonlyArray<string> = []
  let capacity = 0

  const followHealth = Effect.sync(() => {
    models = onOffer(served(), options.models)
    const able = healthy().filter((one) => models.some(one.mayServe))
    capacity = Math.ceil((options.capacity * able.length) / backends.length)
    if (healthy().length > 0) oneHealthy.openUnsafe()
    if (backends.every(({ isKnown }) => isKnown())) allKnown.openUnsafe()
  })

  /** A server that does not look at the name of the model must not stand in for another. */
  const ableTo = (model: string): ReadonlyArray<BackendHealth.Watched> =>
    backends
      .filter((one) => one.mayServe(model))
      .toSorted((a, b) => Number(b.health().isHealthy) - Number(a.health().isHealthy))

  const watchedOf = (backend: Shape) => backends.find((one) => one.backend === backend)

  /** What may be the backend's own fault is looked into at once. */
  const onFault = (backend: Shape, { isTransient, reason }: InferenceError) => {
    countFault.get(backend)?.(reason)
    return isTransient && reason !== "overloaded"
      ? (watchedOf(backend)?.suspect ?? Effect.void)
      : Effect.void
  }

  const tellOf = (
    { isHealthy, name, trouble = "" }: BackendHealth.BackendHealth,
    before: BackendHealth.BackendHealth | undefined
  ) => {
    if (!isHealthy) return tell({ _tag: "Ailing", backend: name, message: trouble })
    return before?.isHealthy === false ? tell({ _tag: "Well", backend: name }) : Effect.void
  }

  /** Counts how long the text lets wait. */
  const timed = (parts: Stream.Stream<Part, InferenceError>) => {
    let begin: number | undefined = clock.currentTimeMillisUnsafe()
    return Stream.map(parts, (part) => {
      if (begin === undefined || part._tag !== "Text") return part
      countFirstText(clock.currentTimeMillisUnsafe() - begin)
      begin = undefined
      return part
    })
  }

  /** Something answers, and still there is nothing to sell. */
  const tellIfUseless = Effect.suspend(() =>
    healthy().length > 0 && models.length === 0
      ? tell({ _tag: "Trouble", message: nothingOnOffer(served()) })
      : Effect.void
  )

  return {
    backend: InferenceBackend.of({
      name: backend.name,
      models: Effect.sync(() => models),
      infer: (request) =>
        Stream.suspend(() => {
          const able = ableTo(request.model).map(({ backend }) => backend)
          return timed(Backends.infer(able, request, onFault))
        })
    }),
    models: () => models,
    capacity: () => capacity,
    health: () => backends.map(({ health }) => health()),
    known: Effect.raceFirst(
      allKnown.await,
      Effect.andThen(oneHealthy.await, Effect.sleep(patience))
    ),
    tend: (onChange) =>
      Effect.forEach(
        backends,
        ({ watch }) =>
          watch((now, before) =>
            followHealth.pipe(
              Effect.andThen(tellOf(now, before)),
              Effect.andThen(tellIfUseless),
              Effect.andThen(onChange)
            )
          ),
        { concurrency: "unbounded" }
      ).pipe(Effect.andThen(Effect.never))
  } satisfies Routing
})

/** What the owner sells of what there is, in the owner's order. */
const onOffer = (
  available: ReadonlyArray<string>,
  allowed: ReadonlyArray<string> | undefined
): ReadonlyArray<string> =>
  allowed === undefined ? available : allowed.filter((model) => available.includes(model))

const nothingOnOffer = (available: ReadonlyArray<string>): string =>
  available.length === 0
    ? "the backend has no models"
    : `the backend has ${available.join(", ")}, and none of them is on offer`
