/**
 * Days in the life of ten agents and a provider in one worker, by a clock that hurries. Some of them
 * have money enough; of the others it runs out, and after two thirds of the time it comes back. In the
 * end no limit was ever passed, every agent's audit is clean, and no money was made or lost.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Treasury } from "@farthing/budget"
import { Msat } from "@farthing/protocol"
import {
  Clock,
  Console,
  Context,
  Deferred,
  Duration,
  Effect,
  Fiber,
  Layer,
  Option,
  Queue,
  Record,
  Schema
} from "effect"
import { Agents, Config, Environment, Home, Identity, Market } from "farthing"
import { DatabaseSync } from "node:sqlite"
import * as Readiness from "../../apps/worker/src/Readiness.ts"
import { Signals } from "../../apps/worker/src/Signals.ts"
import * as Worker from "../../apps/worker/src/Worker.ts"
import * as DayClock from "../day/DayClock.ts"
import * as Colony from "./Colony.ts"

export interface Options {
  /** An existing folder for the books. */
  readonly folder: string
  readonly hours: number
  /** What the poor begin with, in sats. */
  readonly poor: Readonly<Record<string, number>>
  readonly settings?: Colony.Variables
  readonly onLine?: (line: string) => void
  /** Once a day. */
  readonly onDay?: (day: number, story: Story) => Effect.Effect<void>
}

export interface Life {
  /** How it lived, one after the other. */
  readonly states: ReadonlyArray<string>
  readonly thoughts: number
  /** How often its limits held it back. */
  readonly limited: number
  readonly failures: ReadonlyArray<string>
}

export interface Story {
  readonly lives: ReadonlyMap<string, Life>
}

export interface Ending extends Story {
  /** Where limits were passed, audits found something, or money was made or lost. */
  readonly findings: ReadonlyArray<string>
}

/** What an agent has that need not worry. */
const rich = Colony.sats(100_000)

/** Beats that take their time after somebody was seen to do something. */
const attention = 40

export const play = Effect.fnUntraced(function* (options: Options) {
  let colony: Colony.Colony | undefined
  let seen = 0
  let rest = 0
  /** Whether there is nothing that anybody waits for. */
  const isIdle = (): boolean => {
    const now = colony?.stir() ?? 0
    rest = now === seen ? Math.max(0, rest - 1) : attention
    seen = now
    return colony !== undefined && rest === 0
  }
  const clock = yield* DayClock.make({ pace: 1, isIdle })
  return yield* Effect.gen(function* () {
    const made = yield* Colony.make({
      folder: options.folder,
      purseOf: (name) =>
        Option.match(Record.get(options.poor, name), { onNone: () => rich, onSome: Colony.sats }),
      ...(options.settings === undefined ? {} : { settings: options.settings })
    })
    colony = made
    return yield* live(made, options)
  }).pipe(
    Effect.provideService(Clock.Clock, clock),
    Effect.provideService(Readiness.Pace, Duration.minutes(10)),
    Effect.provideService(Market.WalletPatience, "10 minutes")
  )
}, Effect.scoped)

interface Writing {
  readonly states: Array<string>
  thoughts: number
  limited: number
  readonly failures: Array<string>
}

/** A line of the worker's log. */
const Line = Schema.fromJsonString(
  Schema.Struct({
    message: Schema.String,
    about: Schema.optionalKey(
      Schema.Struct({
        agent: Schema.optionalKey(Schema.String),
        reason: Schema.optionalKey(Schema.String)
      })
    )
  })
)

const live = Effect.fnUntraced(function* (colony: Colony.Colony, options: Options) {
  const { bank, money, names } = colony
  const lives = new Map<string, Writing>(
    names.map((name) => [name, { states: [], thoughts: 0, limited: 0, failures: [] }])
  )
  const story: Story = { lives }
  const before = yield* money
  const { stop } = yield* open(colony, (line) => {
    options.onLine?.(line)
    const said = Schema.decodeOption(Line)(line)
    if (said._tag === "None") return
    const { about, message } = said.value
    const life = lives.get(about?.agent ?? "")
    if (life === undefined) return
    if (message === "thought") life.thoughts++
    else if (message.startsWith("lives as ")) life.states.push(message.slice(9))
    else if (message.startsWith("held back")) life.limited++
    else if (message === "the tick has failed") life.failures.push(about?.reason ?? "")
  })

  const poor = Object.keys(options.poor)
  const share = (of: number) => Effect.sleep(Duration.hours(options.hours * of))
  const alms = Colony.sats(20_000)
  if (options.onDay !== undefined) {
    const { onDay } = options
    let day = 0
    yield* Effect.sleep("1 day").pipe(
      Effect.andThen(Effect.suspend(() => onDay(++day, story))),
      Effect.forever,
      Effect.forkScoped
    )
  }
  yield* share(2 / 3)
  yield* Effect.forEach(poor, (name) => bank.deposit(name, alms), { discard: true })
  yield* share(1 / 3)
  yield* stop

  const after = yield* money
  const findings = [
    ...(after === before + poor.length * alms ? [] : [`${after} msat are left of ${before}`]),
    ...(yield* bank.audit).findings,
    ...(yield* audits(colony))
  ]
  return { lives, findings } satisfies Ending
}, Effect.orDie)

/** The worker; tells it to stop, and waits until it has. */
const open = Effect.fnUntraced(function* (colony: Colony.Colony, onLine: (line: string) => void) {
  const signals = yield* Queue.unbounded<string>()
  const begun = yield* Deferred.make<void>()
  const log = (line: string): void => {
    if (line.includes('"online"')) Deferred.doneUnsafe(begun, Effect.void)
    onLine(line)
  }
  const running = yield* Worker.run({ config: Colony.example }).pipe(
    Effect.provideService(Signals, { next: Queue.take(signals), reload: Effect.never }),
    Effect.provideService(Environment.Environment, {
      ...colony.environment,
      FARTHING_WORKER_PORT: "0"
    }),
    Effect.provideService(Console.Console, { ...globalThis.console, log }),
    Effect.provide(NodeServices.layer),
    Effect.forkScoped
  )
  yield* Effect.raceFirst(Deferred.await(begun), Fiber.join(running))
  return { stop: Effect.andThen(Queue.offer(signals, "SIGTERM"), Fiber.join(running)) }
})

/** What each agent's own audit says, and whether a day ever cost more than it may. */
const audits = Effect.fnUntraced(function* ({ database, environment, names }: Colony.Colony) {
  const settings = Identity.layer.pipe(
    Layer.provideMerge(Config.layer({ path: Colony.example })),
    Layer.provideMerge(Home.layer),
    Layer.provide(Layer.succeed(Environment.Environment)(environment)),
    Layer.provideMerge(NodeServices.layer)
  )
  return yield* Effect.gen(function* () {
    const { find, live } = yield* Agents.Household
    const findings: Array<string> = []
    for (const name of names) {
      const resident = yield* find(name)
      const { audit } = Context.get(yield* live(resident.id), Treasury.Treasury)
      const report = yield* audit
      findings.push(...report.findings.map((finding) => `${name}: ${JSON.stringify(finding)}`))
      const { daily } = resident.settings.runway.limits
      for (const { day, spent } of spentDaily(database, resident.id))
        if (daily !== undefined && spent > daily)
          findings.push(`${name} spent ${spent} msat on ${day}, and may spend ${daily}`)
    }
    return findings
  }).pipe(Effect.scoped, Effect.provide(Layer.fresh(Layer.provideMerge(Agents.estate, settings))))
})

/** What left the wallet, by the day of its reservation, from the file itself. */
const spentDaily = (database: string, agent: string) => {
  const books = new DatabaseSync(database, { readOnly: true })
  const rows = books
    .prepare(
      `SELECT day, SUM(amount + COALESCE(fee, allowed_fee)) AS spent FROM treasury_spend
       WHERE budget LIKE ? AND state <> 'failed' GROUP BY day`
    )
    .all(`%/${agent}`)
  books.close()
  return rows.map(({ day, spent }) => ({ day: String(day), spent: Msat.make(Number(spent)) }))
}
