/** What keeps a process alive: sockets, files, timers, by their kind and number. */
import { Effect, Schema } from "effect"

export const Handles = Schema.Record(Schema.String, Schema.Int)
export type Handles = typeof Handles.Type

export const handles: Effect.Effect<Handles> = Effect.sync(() => {
  const kinds = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  return Object.fromEntries(Array.from(kinds).toSorted(([a], [b]) => a.localeCompare(b)))
})

/** Timers come and go at rest, too. */
const slack = (kind: string): number => (kind === "Timeout" ? 3 : 0)

/** Of which kinds there are more than there were, in words. */
export const grown = (before: Handles, after: Handles): ReadonlyArray<string> =>
  Object.entries(after)
    .filter(([kind, count]) => count > (before[kind] ?? 0) + slack(kind))
    .map(([kind, count]) => `${count} ${kind}, and had ${before[kind] ?? 0}`)
