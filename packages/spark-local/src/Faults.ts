/**
 * What goes wrong on demand. Without a fault the operators and the service provider are well; the
 * books stay whole whatever happens.
 */
import type { Duration } from "effect"
import { Effect } from "effect"
import { Refused } from "./Refused.ts"

export type Part = "operators" | "serviceProvider"

/** How a part is from now on. */
export type Condition =
  | { readonly _tag: "Well" }
  /** Nobody is there: connections break. */
  | { readonly _tag: "Down" }
  /** Connections are taken, calls are never answered, and nothing is done. */
  | { readonly _tag: "Silent" }
  /** Everything is done, and the answer waits for so long before. */
  | { readonly _tag: "Slow"; readonly delay: Duration.Input }

/** What goes wrong with one call. */
export type CallFault =
  /** It is refused. */
  | { readonly _tag: "Refuse" }
  /** It is never answered, and nothing is done. */
  | { readonly _tag: "Silence" }
  /** It is done, and the answer says that it was refused. */
  | { readonly _tag: "DoThenRefuse" }
  /** It is done, and never answered. */
  | { readonly _tag: "DoThenSilence" }

export interface Shape {
  readonly set: (part: Part, condition: Condition) => Effect.Effect<void>
  /**
   * The next call of an operation (a gRPC method of the operators, or a GraphQL operation of the
   * service provider), or the one after `skip` others, goes wrong.
   */
  readonly inject: (
    operation: string,
    fault: CallFault,
    options?: { readonly skip?: number }
  ) => Effect.Effect<void>
}

export type Faults = Effect.Success<typeof make>

export const make = Effect.sync(() => {
  const conditions: Record<Part, Condition> = {
    operators: { _tag: "Well" },
    serviceProvider: { _tag: "Well" }
  }
  const waiting: Array<{ readonly operation: string; readonly fault: CallFault; skip: number }> = []

  const next = (operation: string): CallFault | undefined => {
    const due = waiting.find((entry) => entry.operation === operation && entry.skip-- <= 0)
    if (due !== undefined) waiting.splice(waiting.indexOf(due), 1)
    return due?.fault
  }

  const under = <A, E, R>(
    condition: Condition,
    call: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Refused, R> => {
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

  const spoiled = <A, E, R>(
    fault: CallFault | undefined,
    call: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Refused, R> => {
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

  const shape: Shape = {
    set: (part, condition) =>
      Effect.sync(() => {
        conditions[part] = condition
      }),
    inject: (operation, fault, { skip = 0 } = {}) =>
      Effect.sync(() => {
        waiting.push({ operation, fault, skip })
      })
  }

  return {
    shape,
    isDown: (part: Part): boolean => conditions[part]._tag === "Down",
    /** A call, and what goes wrong with it. */
    around: <A, E, R>(part: Part, operation: string, call: Effect.Effect<A, E, R>) =>
      Effect.suspend(() => under(conditions[part], spoiled(next(operation), call)))
  }
})

const down = new Refused({ code: "UNAVAILABLE", message: "Nobody is there" })

const refused = new Refused({ code: "INTERNAL", message: "Refused on demand" })
