/**
 * Whether a backend can be relied on. One failed check says little, and is looked into at once;
 * a few in a row take the backend out; the first that succeeds brings it back.
 */
import { Duration, Effect, Latch, Schedule } from "effect"
import { InferenceError, type Shape } from "./InferenceBackend.ts"

export interface BackendHealth {
  /** The backend's. */
  readonly name: string
  readonly isHealthy: boolean
  /** What it serves, or served when it last said so. */
  readonly models: ReadonlyArray<string>
  /** Why its last check failed; undefined if it did not. */
  readonly trouble: string | undefined
}

/** A backend under watch. */
export interface Watched {
  readonly backend: Shape
  readonly health: () => BackendHealth
  /** Whether it was looked at. */
  readonly isKnown: () => boolean
  /** Whether it serves a model, or has not said yet what it serves. */
  readonly mayServe: (model: string) => boolean
  /** Something about it was odd: it is looked at now, not when its turn comes. */
  readonly suspect: Effect.Effect<void>
  /** Looks after it, until it is interrupted; tells of its health when it is another. */
  readonly watch: (onChange: OnChange) => Effect.Effect<never>
}

/** What it serves counts as its health; before the first check there was none. */
export type OnChange = (
  now: BackendHealth,
  before: BackendHealth | undefined
) => Effect.Effect<void>

/** Between two checks that succeed. */
const every = Duration.seconds(30)

/** What takes longer has failed. */
const patience = Duration.seconds(10)

/** So many checks in a row have to fail before a backend that was healthy is not. */
const tolerated = 3

export const watching = Effect.fnUntraced(function* (backend: Shape) {
  const suspicion = yield* Latch.make(false)
  let failures = 0
  let hasAnswered = false
  let health: BackendHealth | undefined

  const become = (next: BackendHealth, onChange: OnChange) =>
    Effect.suspend(() => {
      const before = health
      health = next
      return before !== undefined && isSame(before, next) ? Effect.void : onChange(next, before)
    })

  const ask = Effect.suspend(() => {
    suspicion.closeUnsafe()
    return backend.models
  }).pipe(
    Effect.catchDefect((defect) => Effect.fail(broken(defect))),
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(tooSlow) })
  )

  const check = (onChange: OnChange) =>
    ask.pipe(
      Effect.tap((models) => {
        failures = 0
        hasAnswered = true
        const { name } = backend
        return become({ name, isHealthy: true, models, trouble: undefined }, onChange)
      }),
      Effect.tapError(({ message }) => {
        failures++
        const { isHealthy, models, name } = now()
        const isTolerated = isHealthy && failures < tolerated
        return become({ name, isHealthy: isTolerated, models, trouble: message }, onChange)
      })
    )

  const now = (): BackendHealth =>
    health ?? { name: backend.name, isHealthy: false, models: [], trouble: "not checked yet" }

  return {
    backend,
    health: now,
    isKnown: () => health !== undefined,
    mayServe: (model) => !hasAnswered || now().models.includes(model),
    suspect: Effect.asVoid(suspicion.open),
    watch: (onChange) =>
      check(onChange).pipe(
        Effect.retry(again),
        Effect.ignore,
        Effect.andThen(Effect.timeoutOption(suspicion.await, every)),
        Effect.forever
      )
  } satisfies Watched
})

/** Soon at first, and never rarer than a healthy one is looked at. */
const again = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced(every)]).pipe(
  Schedule.jittered
)

const broken = (defect: unknown) =>
  new InferenceError({ reason: "failed", message: `it broke: ${String(defect)}` })

const tooSlow = new InferenceError({
  reason: "timeout",
  message: `no answer within ${Duration.format(patience)}`
})

/** A check that failed is no change as long as the backend is relied on. */
const isSame = (a: BackendHealth, b: BackendHealth): boolean =>
  a.isHealthy === b.isHealthy &&
  a.models.length === b.models.length &&
  a.models.every((model, index) => model === b.models[index])
