/** `farthing agent watch`: agents as they live, while somebody looks. */
import { AgentBook, Agents as Schedule } from "@farthing/agent"
import { Text } from "@farthing/protocol"
import { Cause, Effect, Layer, Option, Ref, Stdio, Stream } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { Agents } from "farthing"
import * as AgentTelling from "../../agent/AgentTelling.ts"
import * as LifeTelling from "../../agent/LifeTelling.ts"
import * as Looking from "../../agent/Looking.ts"
import * as Naming from "../../agent/Naming.ts"
import * as Watching from "../../agent/Watching.ts"
import * as Options from "../../Options.ts"
import { Output } from "../../Output.ts"
import * as Show from "../../Show.ts"
import { UsageError } from "../../UsageError.ts"

const name = Argument.optional(Naming.name)

const flags = {
  run: Flag.Boolean("run").pipe(
    Flag.withDescription("Let them live in this process too, as farthing-worker does"),
    Flag.withDefault(false)
  ),
  ticks: Options.whole("ticks", { minimum: 1, maximum: 1_000_000 }).pipe(
    Flag.withDescription("End after so many ticks"),
    Flag.optional
  )
}

/** Whom somebody wants to see: the one, or everybody. */
const chosen = Effect.fnUntraced(function* (name: Option.Option<string>) {
  const household = yield* Agents.Household
  const residents = Option.isSome(name)
    ? [yield* Naming.find(name.value)]
    : yield* household.residents
  if (residents.length === 0)
    return yield* new UsageError({
      message: "there is no agent to watch: make one with `farthing agent new`"
    })
  return residents
})

/** Lets those live who are watched, and nobody else. */
const schedule = (residents: ReadonlyArray<Agents.Resident>) =>
  Agents.schedule.pipe(
    Layer.provide(
      Layer.effect(
        AgentBook.AgentBook,
        Effect.map(AgentBook.AgentBook, (book) => ({
          ...book,
          members: {
            ...book.members,
            all: Effect.map(book.members.all, (members) =>
              members.filter(({ id }) => residents.some((resident) => resident.id === id))
            )
          }
        }))
      )
    )
  )

/**
 * Lets them live for as long as somebody watches; what troubles one of them is told and befalls
 * nobody else. Whoever is at a tick then ends it.
 */
const living = Effect.fnUntraced(function* <E, R>(
  watching: Effect.Effect<void, E, R>,
  residents: ReadonlyArray<Agents.Resident>,
  trouble: (text: string) => Effect.Effect<void>
) {
  const output = yield* Output
  const agents = yield* Schedule.Agents
  const nameOf = new Map(residents.map(({ id, settings }) => [id, settings.name]))
  yield* Effect.forkScoped(
    Stream.runForEach(agents.events, (event) =>
      event._tag === "Failed"
        ? trouble(`${nameOf.get(event.agent) ?? ""}: ${messageOf(event.cause)}`)
        : Effect.void
    )
  )
  yield* agents.load
  yield* Effect.raceFirst(watching, Effect.raceFirst(agents.run, agents.listen))
  yield* output.progress("waiting for ticks that go on …")
  yield* agents.drain
}, Effect.scoped)

const messageOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return Text.printable(error instanceof Error ? error.message : String(error), 300)
}

/** What is left on the terminal when the picture is gone. */
const farewell = Effect.fnUntraced(function* (views: Watching.Known) {
  const output = yield* Output
  for (const view of (yield* Ref.get(views)).values()) {
    const name = AgentTelling.name(view)
    yield* output.line(
      `${name}: ${LifeTelling.word(view)}, runway ${LifeTelling.runway(view.runway)}, ${Show.cost(view.budget.spentToday)} spent today; \`farthing agent show ${name}\` tells what it did`
    )
  }
})

const watch = Effect.fnUntraced(function* (input: {
  readonly name: Option.Option<string>
  readonly run: boolean
  readonly ticks: Option.Option<number>
}) {
  const output = yield* Output
  const stdio = yield* Stdio.Stdio
  const household = yield* Agents.Household
  const residents = yield* chosen(input.name)
  const ids = residents.map(({ id }) => id)
  const isLive = !output.json && (yield* stdio.stdoutIsTerminal)
  yield* output.progress("asking their wallets …")
  const eyes = yield* Effect.forEach(ids, (id) => Effect.flatMap(household.live(id), Looking.eyeOf))
  const lastTrouble = yield* Ref.make("")
  const looks = Watching.looks(eyes, Option.getOrUndefined(input.ticks))
  const views = yield* Watching.nobody
  yield* Effect.addFinalizer(() => farewell(views))
  const watching = Effect.gen(function* () {
    if (isLive) return yield* Watching.showLive(looks, views, Ref.get(lastTrouble))
    return yield* Stream.runForEach(looks, Watching.tellInLines)
  })
  if (!input.run) return yield* watching
  const trouble = (text: string) => (isLive ? Ref.set(lastTrouble, text) : output.note(text))
  yield* Effect.provide(living(watching, residents, trouble), schedule(residents))
}, Effect.scoped)

export const command = Command.make("watch", { name, ...flags }, watch).pipe(
  Command.withDescription("Watch agents live: their money, their ticks, their jobs"),
  Command.withExamples([
    { command: "farthing agent watch", description: "All of them, while farthing-worker runs" },
    { command: "farthing agent watch heron --run", description: "One, which lives while you look" },
    { command: "farthing agent watch --json", description: "A line for each thing that happens" }
  ])
)
