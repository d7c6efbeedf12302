/**
 * The agents of the worker: each ticks at its time, what happens is logged and counted, and what the
 * configuration says of them counts as soon as it is read again.
 */
import { AgentBook, Agents as Schedule, type LifeState } from "@farthing/agent"
import type { Key } from "@farthing/protocol"
import type { Relay } from "@farthing/relay"
import { Cause, Context, Duration, Effect, FileSystem, Layer, Option, Ref, Stream } from "effect"
import { Agents, Config, Home } from "farthing"
import { Signals } from "./Signals.ts"
import * as Ticking from "./Ticking.ts"

/** How an agent stands: how it lives, or what keeps it from that. */
export const standings = [
  "active",
  "low_balance",
  "hibernating",
  "dormant",
  "paused",
  "limited",
  "failing",
  "absent",
  "unknown"
] as const
export type Standing = (typeof standings)[number]

export type Counts = Readonly<Record<Standing, number>>

export interface Shape {
  readonly counts: Effect.Effect<Counts>
  /** Ticks that go on now. */
  readonly ticking: Effect.Effect<number>
  /** No tick begins any more; waits for those that go on. */
  readonly drain: Effect.Effect<void>
  /** One tick of everybody; the names of those whose tick has failed. */
  readonly once: Effect.Effect<ReadonlyArray<string>>
  /** Lets everybody tick when it is due, and follows the configuration, until it is interrupted. */
  readonly run: Effect.Effect<never>
}

export class Fleet extends Context.Service<Fleet, Shape>()("@farthing/worker/Fleet") {}

export interface Options {
  /** Another configuration than the home's. */
  readonly config?: string
}

/** How often the file of the configuration is looked at. */
const lookEvery = Duration.seconds(5)

/** Before something is begun again that has ended by itself. */
const pause = Duration.seconds(1)

interface Known {
  readonly standing: Standing
  readonly life: LifeState.LifeState | undefined
}

const make = Effect.fnUntraced(function* (options: Options) {
  const household = yield* Agents.Household
  const schedule = yield* Schedule.Agents
  const book = yield* AgentBook.AgentBook
  const signals = yield* Signals
  const context = yield* Effect.context<
    Config.Config | Relay.Relay | Effect.Services<ReturnType<typeof read>>
  >()
  const known = new Map<Key.PublicKey, Known>()
  const names = new Map<Key.PublicKey, string>()
  const ticking = new Set<Key.PublicKey>()

  /** Takes in everybody as the book has them. */
  const load = Effect.gen(function* () {
    names.clear()
    for (const { id, settings } of yield* household.residents) names.set(id, settings.name)
    for (const id of known.keys()) if (!names.has(id)) known.delete(id)
    for (const { id, isPaused, life } of yield* book.members.all)
      if (!known.has(id))
        known.set(id, { standing: isPaused ? "paused" : (life ?? "unknown"), life })
    for (const { message, name } of yield* household.absent)
      yield* Effect.annotateLogs(Effect.logError(message), { agent: name })
    return yield* schedule.load
  })

  const hear = (event: Schedule.AgentEvent) => {
    const { agent } = event
    const before = known.get(agent)?.life
    if (event._tag === "Began") ticking.add(agent)
    else ticking.delete(agent)
    if (event._tag === "Failed") {
      const standing = Ticking.isLimited(event.cause) ? "limited" : "failing"
      known.set(agent, { standing, life: before })
    }
    if (event._tag === "Ticked") {
      const { life } = event.report.means
      const isPaused = event.report._tag === "Rested" && event.report.why === "paused"
      known.set(agent, { standing: isPaused ? "paused" : life, life })
    }
    return Ticking.log(names.get(agent) ?? agent, event, before)
  }

  /** What cannot be used changes nothing. */
  const reload = (why: string) =>
    Effect.gen(function* () {
      const { agents } = yield* read(options)
      const { came, changed, left } = yield* household.follow(agents)
      yield* load
      yield* Effect.annotateLogs(Effect.logInfo("the configuration of agents was read again"), {
        why,
        came,
        changed,
        left
      })
    }).pipe(
      Effect.catch(({ message }) =>
        Effect.annotateLogs(Effect.logError("the configuration stays as it was"), {
          why,
          reason: message
        })
      ),
      Effect.provideContext(context)
    )

  const followSignals = Effect.forever(Effect.flatMap(signals.reload, reload))

  const followFile = Effect.gen(function* () {
    const { file } = yield* Config.Config
    const home = yield* Home.Home
    const state = stateOf(Option.getOrElse(file, () => home.config))
    const last = yield* Ref.make(yield* state)
    return yield* state.pipe(
      Effect.flatMap((now) => Effect.map(Ref.getAndSet(last, now), (before) => before !== now)),
      Effect.flatMap((isOther) => (isOther ? reload("the file has changed") : Effect.void)),
      Effect.delay(lookEvery),
      Effect.forever
    )
  })

  yield* Effect.forkScoped(Stream.runForEach(schedule.events, hear), { startImmediately: true })
  yield* load

  return Fleet.of({
    counts: Effect.map(household.absent, (absent) => {
      const counts: Record<Standing, number> = { ...nobody, absent: absent.length }
      for (const { standing } of known.values()) counts[standing]++
      return counts
    }),
    ticking: Effect.sync(() => ticking.size),
    drain: schedule.drain,
    once: Effect.map(schedule.once, (events) =>
      events.flatMap(({ _tag, agent }) => (_tag === "Failed" ? [names.get(agent) ?? agent] : []))
    ),
    run: Effect.all(
      [again(schedule.run), again(schedule.listen), again(followSignals), again(followFile)],
      { concurrency: "unbounded" }
    ).pipe(Effect.andThen(Effect.never), Effect.provideContext(context))
  })
})

export const layer = (options: Options) => Layer.effect(Fleet, make(options))

/** What the configuration says now. */
const read = ({ config }: Options) => Config.load(config === undefined ? {} : { path: config })

/** Changes with whatever is written into a file; a file that is not there changes when it comes. */
const stateOf = Effect.fnUntraced(
  function* (file: string) {
    const fileSystem = yield* FileSystem.FileSystem
    const { ino, mtime, size } = yield* fileSystem.stat(file)
    const millis = Option.match(mtime, { onNone: () => 0, onSome: (date) => date.getTime() })
    return `${Option.getOrElse(ino, () => 0)} ${millis} ${size}`
  },
  Effect.orElseSucceed(() => "")
)

/** What the worker does for as long as it runs is begun again where it ends by itself. */
const again = <E, R>(task: Effect.Effect<never, E, R>) =>
  task.pipe(
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.failCause(Cause.interrupt())
        : Effect.andThen(
            Effect.logError("a task of the agents has ended", cause),
            Effect.sleep(pause)
          )
    ),
    Effect.forever
  )

const nobody = Object.fromEntries(standings.map((standing) => [standing, 0])) as Record<
  Standing,
  number
>
