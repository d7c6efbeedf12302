/**
 * A few events in which every value of every field occurs with every other, and the filters that
 * ask for some of them: each field alone, and every combination of fields.
 */
import type { NostrEvent } from "@farthing/protocol"
import { Effect } from "effect"
import { person, rareKind, salt } from "./UnderTest.ts"

/** One condition of a filter, and what it means. */
export interface Field {
  readonly name: string
  readonly part: object
  readonly wants: (event: NostrEvent.NostrEvent) => boolean
}

export interface Library {
  readonly events: ReadonlyArray<NostrEvent.NostrEvent>
  readonly fields: ReadonlyArray<Field>
}

/** Long ago, when there were no other events. */
const epoch = 1_234_567_890

export const make: Effect.Effect<Library> = Effect.gen(function* () {
  const people = [person(), person(), person()] as const
  const kinds = [rareKind, rareKind + 1, rareKind + 2] as const
  const values = [salt(), salt(), salt()] as const
  const of = <A>(all: readonly [A, A, A], n: number): A => all[(n % 3) as 0 | 1 | 2]
  const events = yield* Effect.forEach(Array.from({ length: 27 }), (_, n) =>
    of(people, n).event({
      kind: of(kinds, Math.floor(n / 3)),
      created_at: epoch + (n % 7),
      tags: [
        ["e", of(values, Math.floor(n / 9)), "wss://relay.example", "root"],
        ["p", of(values, n + Math.floor(n / 3)), of(values, n)],
        ["p", of(values, n + 1)],
        ["T", of(values, Math.floor(n / 2))],
        ["word", of(values, n)]
      ]
    })
  )
  const tag =
    (name: string, wanted: ReadonlyArray<string>): Field["wants"] =>
    ({ tags }) =>
      tags.some(([key, value]) => key === name && wanted.includes(String(value)))
  const ids = events.filter((_, n) => n % 4 !== 0).map(({ id }) => id)
  const [first, second] = [people[0].pubkey, people[1].pubkey]
  const fields: ReadonlyArray<Field> = [
    { name: "ids", part: { ids }, wants: ({ id }) => ids.includes(id) },
    {
      name: "authors",
      part: { authors: [first, second] },
      wants: ({ pubkey }) => pubkey === first || pubkey === second
    },
    {
      name: "kinds",
      part: { kinds: [kinds[0], kinds[2]] },
      wants: ({ kind }) => kind === kinds[0] || kind === kinds[2]
    },
    { name: "#e", part: { "#e": values.slice(1) }, wants: tag("e", values.slice(1)) },
    { name: "#p", part: { "#p": [values[0]] }, wants: tag("p", [values[0]]) },
    { name: "#T", part: { "#T": values.slice(0, 2) }, wants: tag("T", values.slice(0, 2)) },
    { name: "since", part: { since: epoch + 2 }, wants: (one) => one.created_at >= epoch + 2 },
    { name: "until", part: { until: epoch + 4 }, wants: (one) => one.created_at <= epoch + 4 }
  ]
  return { events, fields }
})

/** Every choice of fields, also none and all. */
export const combinations = (fields: ReadonlyArray<Field>): ReadonlyArray<ReadonlyArray<Field>> =>
  fields.reduce<ReadonlyArray<ReadonlyArray<Field>>>(
    (chosen, field) => [...chosen, ...chosen.map((others) => [...others, field])],
    [[]]
  )

export const filterOf = (fields: ReadonlyArray<Field>): object =>
  Object.assign({}, ...fields.map(({ part }) => part))

export const wantedOf = (
  { events }: Library,
  fields: ReadonlyArray<Field>
): ReadonlyArray<NostrEvent.NostrEvent> =>
  events.filter((event) => fields.every(({ wants }) => wants(event)))
