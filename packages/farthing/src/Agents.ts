/**
 * The agents of a home: who there is stands in the configuration, and each of them lives on what is
 * its own, over one database and one pool of relays.
 *
 * ```
 *   Config ─ agents ─────────┐
 *   Home ─── database ───────┼─ Household ─┬─ one(name)    a life, for somebody who looks after it
 *   Config ─ relay, wallet ──┘             └─ schedule     all of them, for a worker
 * ```
 *
 * A life (wallet connection, budget, subscriptions) is built when its agent wakes and let go of a
 * while after its last tick: an agent that waits costs what is remembered of its configuration.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Agent, AgentBook, LnurlZapInvoices, SqlAgentBook } from "@farthing/agent"
import * as Schedule from "@farthing/agent/Agents"
import { Discovery } from "@farthing/compute"
import { Key, Msat, Text } from "@farthing/protocol"
import { ProviderBook } from "@farthing/provider"
import type { Scope } from "effect"
import { Context, Effect, Equal, Layer, LayerMap, Option, Result, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as AgentKeys from "./agents/AgentKeys.ts"
import * as Life from "./agents/Life.ts"
import * as Config from "./Config.ts"
import type { AgentSettings } from "./config/AgentSettings.ts"
import * as Suggestion from "./config/Suggestion.ts"
import * as Identity from "./Identity.ts"
import * as Market from "./Market.ts"

export { AgentInvalid } from "./agents/AgentKeys.ts"
export type { Resident } from "./agents/Life.ts"
export type { AgentSettings } from "./config/AgentSettings.ts"

/** What an agent is made of while it lives. */
export type Living = Layer.Success<ReturnType<typeof Life.layer>>

export type LifeError = Layer.Error<ReturnType<typeof Life.layer>>

/** What became of the agents when the configuration was read again. */
export interface Changes {
  readonly came: ReadonlyArray<string>
  readonly changed: ReadonlyArray<string>
  readonly left: ReadonlyArray<string>
}

export interface Shape {
  /** In the order of the configuration. */
  readonly residents: Effect.Effect<ReadonlyArray<Life.Resident>>
  /** Who is configured and cannot live, and why. */
  readonly absent: Effect.Effect<ReadonlyArray<AgentKeys.AgentInvalid>>
  /** By its name, or its public key (npub or hex). */
  readonly find: (
    who: string
  ) => Effect.Effect<Life.Resident, AgentNotConfigured | AgentKeys.AgentInvalid>
  /** The life of an agent, for as long as the scope is open and a while longer. */
  readonly live: (
    id: Key.PublicKey
  ) => Effect.Effect<Context.Context<Living>, LifeError | AgentNotConfigured, Scope.Scope>
  /**
   * What another configuration says of agents counts from now on: limits for the next payment, all
   * else for the next tick.
   */
  readonly follow: (
    agents: ReadonlyArray<AgentSettings>
  ) => Effect.Effect<Changes, AgentBook.BookUnavailable>
}

export class Household extends Context.Service<Household, Shape>()("farthing/Household") {}

/** For how long a life goes on after its last tick: late results and the ends of locks come then. */
const idleTimeToLive = "1 minute"

const make = Effect.gen(function* () {
  const config = yield* Config.Config
  const sql = yield* SqlClient.SqlClient
  const { members } = yield* AgentBook.AgentBook
  const findKeys = yield* AgentKeys.make
  const owed = yield* owedByHome
  let residents: ReadonlyMap<Key.PublicKey, Life.Resident> = new Map()
  let absent: ReadonlyArray<AgentKeys.AgentInvalid> = []

  const limitsOf = (id: Key.PublicKey, first: Life.Resident) =>
    Effect.suspend(() => {
      const { settings } = residents.get(id) ?? first
      const { limits } = settings.runway
      return Life.hasOwnWallet(settings, config)
        ? Effect.succeed(limits)
        : Effect.map(owed, (owed) => Market.leaving(limits, owed))
    })

  const lives = yield* LayerMap.make(
    (id: Key.PublicKey) => {
      const resident = residents.get(id)
      return resident === undefined
        ? Layer.effectContext(
            Effect.fail(new AgentNotConfigured({ who: Key.formatPublic(id), names: [] }))
          )
        : Life.layer(resident, limitsOf(id, resident))
    },
    { idleTimeToLive }
  )

  /** Who is in the book as the configuration has it stays as it is there. */
  const enrol = Effect.fnUntraced(
    function* (everybody: Iterable<Life.Resident>) {
      const known = new Map((yield* members.all).map((member) => [member.id, member]))
      yield* Effect.forEach(
        everybody,
        ({ id, settings: { charter, key } }) => {
          const account = key._tag === "Account" ? key.account : undefined
          const member = known.get(id)
          return member?.account === account && Equal.equals(member?.charter, charter)
            ? Effect.void
            : members.enrol({ id, account, charter })
        },
        { discard: true }
      ).pipe(sql.withTransaction)
    },
    Effect.catchTag("SqlError", ({ message }) =>
      Effect.fail(new AgentBook.BookUnavailable({ message }))
    )
  )

  const follow = Effect.fnUntraced(function* (agents: ReadonlyArray<AgentSettings>) {
    const keys = yield* findKeys(agents)
    const before = residents
    const found = agents.flatMap((settings, place) =>
      Option.toArray(Option.map(Result.getSuccess(keys[place]!), (id) => ({ id, settings })))
    )
    const after = new Map(found.map((resident) => [resident.id, resident]))
    yield* enrol(after.values())
    absent = [
      ...keys.flatMap((key) => (Result.isFailure(key) ? [key.failure] : [])),
      ...found.filter((resident) => after.get(resident.id) !== resident).map(doubled)
    ]
    residents = after
    const changed = found.filter(({ id, settings }) => {
      const then = before.get(id)
      return then !== undefined && !Equal.equals(then.settings, settings)
    })
    const left = [...before.values()].filter(({ id }) => !after.has(id))
    yield* Effect.forEach([...changed, ...left], ({ id }) => lives.invalidate(id), {
      discard: true
    })
    return {
      came: namesOf(found.filter(({ id }) => !before.has(id))),
      changed: namesOf(changed),
      left: namesOf(left)
    }
  })

  yield* follow(config.agents)

  const household = Household.of({
    residents: Effect.sync(() => [...residents.values()]),
    absent: Effect.sync(() => absent),
    find: (who) =>
      Effect.suspend(() => {
        const key = Option.getOrUndefined(Result.getSuccess(Key.parsePublic(who)))
        const everybody = [...residents.values()]
        const found = everybody.find(({ id, settings }) => settings.name === who || id === key)
        if (found !== undefined) return Effect.succeed(found)
        const invalid = absent.find(({ name }) => name === who)
        const names = everybody.map(({ settings }) => settings.name)
        return Effect.fail(invalid ?? new AgentNotConfigured({ who, names }))
      }),
    // One that cannot be built is tried again the next time.
    live: (id) => Effect.onError(lives.contextEffect(id), () => lives.invalidate(id)),
    follow
  })
  return [household, (id: Key.PublicKey) => residents.has(id)] as const
})

const doubled = ({ settings: { name } }: Life.Resident) =>
  new AgentKeys.AgentInvalid({
    name,
    message: `Agent ${name} cannot live. Its key is that of another agent.`
  })

const namesOf = (some: ReadonlyArray<Life.Resident>): ReadonlyArray<string> =>
  some.map(({ settings }) => settings.name)

/** What the home owes whom it sells to, asked for each payment anew; it stays in the home's wallet. */
const owedByHome = Effect.all([Identity.findProvider, ProviderBook.ProviderBook]).pipe(
  Effect.map(([provider, book]) =>
    Option.match(provider, {
      onNone: () => Effect.succeed(Msat.zero),
      onSome: ({ publicKey }) => Market.owedBy(book, publicKey)
    })
  )
)

const discovery = Layer.unwrap(
  Effect.map(Config.Config, ({ network }) => Discovery.layer({ network }))
)

/** The household, and the book of its agents: who is not configured is in it, and has no part. */
export const household = Layer.effectContext(
  Effect.gen(function* () {
    const book = yield* AgentBook.AgentBook
    const [household, isResident] = yield* make
    const all = Effect.map(book.members.all, (members) =>
      members.filter(({ id }) => isResident(id))
    )
    return Context.make(Household, household).pipe(
      Context.add(AgentBook.AgentBook, { ...book, members: { ...book.members, all } })
    )
  })
).pipe(
  Layer.provide([
    discovery,
    LnurlZapInvoices.layer().pipe(Layer.provide(NodeHttpClient.layerNodeHttp)),
    Market.salesBook,
    SqlAgentBook.layer
  ])
)

/** The household with its relays, its database and its wallet, which may be missing. */
export const estate = household.pipe(
  Layer.provideMerge(Market.anyWallet),
  Layer.provideMerge(Market.marketplace)
)

/** One agent of the home, by its name or its public key, to be looked after by hand. */
export const one = (who: string) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const { find, live } = yield* Household
      return yield* live((yield* find(who)).id)
    })
  ).pipe(Layer.provideMerge(estate))

/** All of them, each at its time. */
export const schedule: Layer.Layer<Schedule.Agents, never, AgentBook.AgentBook | Household> =
  Layer.effect(
    Schedule.Agents,
    Effect.gen(function* () {
      const { live } = yield* Household
      const enter = (id: Key.PublicKey) => Effect.map(live(id), Context.get(Agent.Agent))
      return yield* Schedule.make({ enter })
    })
  )

/** Nobody of that name is configured. */
export class AgentNotConfigured extends Schema.TaggedError<AgentNotConfigured>()(
  "AgentNotConfigured",
  { who: Schema.String, names: Schema.Array(Schema.String) }
) {
  override get message(): string {
    const near = Suggestion.nearest(this.who, this.names)
    const hint = near === undefined ? "" : ` Did you mean ${near}?`
    return `There is no agent ${Text.printable(this.who, 80)} in the configuration.${hint}`
  }
}
