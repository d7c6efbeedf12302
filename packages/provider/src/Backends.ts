/**
 * Several backends as one: each is asked when those before it have failed, so that a paid job is
 * lost only if all of them fail. What one of them began, the next begins anew.
 */
import { Array as Arr, Context, Effect, Layer, Stream } from "effect"
import {
  InferenceBackend,
  InferenceError,
  type InferenceRequest,
  type Part,
  type Shape
} from "./InferenceBackend.ts"

type Several = Arr.NonEmptyReadonlyArray<Shape>

export const inOrder = (backends: Several): Shape => {
  /** Those of every backend that answers, in the order of the backends. */
  const models = Effect.partition(backends, (backend) => backend.models, {
    concurrency: "unbounded"
  }).pipe(
    Effect.flatMap(([lists, faults]) =>
      lists.length === 0 && Arr.isArrayNonEmpty(faults)
        ? Effect.fail(worst(...faults))
        : Effect.succeed([...new Set(lists.flat())])
    )
  )
  return InferenceBackend.of({
    name: backends.map(({ name }) => name).join(", "),
    members: backends,
    models,
    infer: (request) => infer(backends, request)
  })
}

/** Asks one after the other for a text. */
export const infer = (
  backends: ReadonlyArray<Shape>,
  request: InferenceRequest,
  /** What one of them failed with, before the next is asked. */
  onFault: (backend: Shape, fault: InferenceError) => Effect.Effect<void> = () => Effect.void
): Stream.Stream<Part, InferenceError> => {
  const askNext = (
    left: ReadonlyArray<Shape>,
    faults: ReadonlyArray<InferenceError>
  ): Stream.Stream<Part, InferenceError> => {
    const [backend, ...others] = left
    if (backend === undefined) return Stream.fail(worst(...faults))
    return whole(backend, request).pipe(
      Stream.tapError((error) => onFault(backend, error)),
      Stream.catch((error) => {
        const next = askNext(others, [...faults, error])
        return others.length === 0
          ? next
          : Stream.concat(Stream.succeed<Part>({ _tag: "Anew", because: error }), next)
      })
    )
  }
  return askNext(backends, [])
}

/** The backends of several layers as one, in their order. */
export const layer = <E, R>(
  first: Layer.Layer<InferenceBackend, E, R>,
  ...others: ReadonlyArray<Layer.Layer<InferenceBackend, E, R>>
): Layer.Layer<InferenceBackend, E, R> =>
  Layer.effect(
    InferenceBackend,
    Effect.gen(function* () {
      return inOrder([yield* build(first), ...(yield* Effect.forEach(others, build))])
    })
  )

/** Anew, because layers of one kind would otherwise be taken for the same. */
const build = <E, R>(layer: Layer.Layer<InferenceBackend, E, R>) =>
  Effect.map(Layer.build(Layer.fresh(layer)), Context.get(InferenceBackend))

/** One backend's parts up to the finish; without one they are a failure. */
const whole = (backend: Shape, request: InferenceRequest): Stream.Stream<Part, InferenceError> =>
  Stream.suspend(() => {
    let finished = false
    return Stream.suspend(() => backend.infer(request)).pipe(
      Stream.catchDefect((defect) => Stream.fail(broken(backend, defect))),
      Stream.takeUntil((part) => (finished = part._tag === "Finish")),
      Stream.concat(
        Stream.suspend(() => (finished ? Stream.empty : Stream.fail(brokenOff(backend))))
      )
    )
  })

/** What may go away when all are asked again goes before what stays so. */
const worst = (...faults: ReadonlyArray<InferenceError>): InferenceError =>
  faults.find(({ isTransient }) => isTransient) ??
  faults.at(-1) ??
  new InferenceError({ reason: "model_unavailable", message: "no backend has the model" })

const brokenOff = ({ name }: Shape): InferenceError =>
  new InferenceError({ reason: "truncated", message: `${name} ended without a finish` })

const broken = ({ name }: Shape, defect: unknown): InferenceError =>
  new InferenceError({ reason: "failed", message: `${name} broke: ${String(defect)}` })
