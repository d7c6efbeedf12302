/**
 * What goes wrong on demand. Whatever it is, the books stay whole: what is done is done wholly, and
 * only what is said of it may be wrong.
 */
import type { Duration } from "effect"
import { Effect, Stream, SubscriptionRef } from "effect"
import { Refused } from "./Refused.ts"

export type Part = "operators" | "serviceProvider"

/** How a part is. */
export type Condition =
  | { readonly _tag: "Well" }
  /** Nobody is there: connections break. */
  | { readonly _tag: "Down" }
  /** Connections are taken, but calls are never answered, and nothing is done. */
  | { readonly _tag: "Silent" }
  /** Every call has to wait before it is heard. */
  | { readonly _tag: "Slow"; readonly delay: Duration.Input }

/** What goes wrong with one call. */
export type CallFault =
  /** It is refused. */
  | { readonly _tag: "Refuse" }
  /** It is never answered, and nothing is done. */
  | { readonly _tag: "Silence" }
  /** It is done, and the answer is an error. */
  | { readonly _tag: "DoThenRefuse" }
  /** It is done, and never answered. */
  | { readonly _tag: "DoThenSilence" }

export interface Shape {
  /** How a part is from now on; at first both are well. */
  readonly set: (part: Part, condition: Condition) => Effect.Effect<void>
  /**
   * Spoils the next call of an operation: a gRPC method of the operators
   * (`initiate_preimage_swap_v3`), or a GraphQL operation of the service provider
   * (`RequestLightningSend`). `skip` calls go well before.
   */
  readonly inject: (
    operation: string,
    fault: CallFault,
    options?: { readonly skip?: number }
  ) => Effect.Effect<void>
}

export type Faults = Effect.Success<ReturnType<typeof make>>

/** What is put around calls. */
export type Around = <A, E, R>(
  operation: string,
  call: Effect.Effect<A, E, R>
) => Effect.Effect<A, E, R>

interface Waiting {
  readonly operation: string
  readonly fault: CallFault
  skip: number
}

export const make = Effect.fnUntraced(function* (around: Around = (_, call) => call) {
  const conditions = {
    operators: yield* SubscriptionRef.make<Condition>({ _tag: "Well" }),
    serviceProvider: yield* SubscriptionRef.make<Condition>({ _tag: "Well" })
  }
  const waiting: Array<Waiting> = []

  const take = (operation: string): CallFault | undefined => {
    const next = waiting.find((fault) => fault.operation === operation)
    if (next === undefined || next.skip-- > 0) return undefined
    waiting.splice(waiting.indexOf(next), 1)
    return next.fault
  }

  const shape: Shape = {
    set: (part, condition) => SubscriptionRef.set(conditions[part], condition),
    inject: (operation, fault, { skip = 0 } = {}) =>
      Effect.sync(() => {
        waiting.push({ operation, fault, skip })
      })
  }

  return {
    shape,

    /** A call, and what goes wrong with it. */
    around: <A>(part: Part, operation: string, call: Effect.Effect<A, Refused>) =>
      Effect.flatMap(SubscriptionRef.get(conditions[part]), (condition) =>
        under(
          condition,
          Effect.suspend(() => spoiled(take(operation), around(operation, call)))
        )
      ),

    /** Fails once the part is down. */
    breakdown: (part: Part): Effect.Effect<void, Refused> =>
      SubscriptionRef.changes(conditions[part]).pipe(
        Stream.takeUntil(({ _tag }) => _tag === "Down"),
        Stream.runDrain,
        Effect.andThen(Effect.fail(down))
      )
  }
})

const under = <A>(condition: Condition, call: Effect.Effect<A, Refused>) => {
  switch (condition._tag) {
    case "Well":
      return call
    case "Down":
      return Effect.fail(down)
    case "Silent":
      return Effect.never
    case "Slow":
      return Effect.delay(call, condition.delay)
  }
}

const spoiled = <A>(fault: CallFault | undefined, call: Effect.Effect<A, Refused>) => {
  switch (fault?._tag) {
    case undefined:
      return call
    case "Refuse":
      return Effect.fail(refused)
    case "Silence":
      return Effect.never
    case "DoThenRefuse":
      return Effect.andThen(call, Effect.fail(refused))
    case "DoThenSilence":
      return Effect.andThen(call, Effect.never)
  }
}

const down = new Refused({ code: "UNAVAILABLE", message: "Nobody is there" })

const refused = new Refused({ code: "INTERNAL", message: "It went wrong, as was asked for" })
