/** `farthing agent tick`: one turn of an agent at once, told as it goes on. */
import { Agent, type AgentView, Trigger } from "@farthing/agent"
import { Clock, Effect, Ref, Stream } from "effect"
import { Argument, Command } from "effect/cli"
import type { Agents } from "farthing"
import * as Happenings from "../../agent/Happenings.ts"
import * as Looking from "../../agent/Looking.ts"
import * as Naming from "../../agent/Naming.ts"
import * as Sight from "../../agent/Sight.ts"
import * as TickTelling from "../../agent/TickTelling.ts"
import { Output } from "../../Output.ts"
import * as Show from "../../Show.ts"

const note = Argument.String("note").pipe(
  Argument.withDescription("What you want to tell it; stands in the prompt as your word"),
  Argument.filter(
    ({ length }) => length <= 2_000,
    ({ length }) => `Expected at most 2,000 characters, got ${length}`
  ),
  Argument.withDefault("")
)

const interrupted =
  "interrupted: its next tick goes on where this one stands, and nothing is paid twice."

/** Tells what has happened since the last look: programs all of it, people where it stands. */
const telling = Effect.gen(function* () {
  const output = yield* Output
  const last = yield* Ref.make<AgentView.AgentView | undefined>(undefined)
  return Effect.fnUntraced(function* (view: AgentView.AgentView) {
    const before = yield* Ref.getAndSet(last, view)
    const now = yield* Clock.currentTimeMillis
    if (before === undefined) return
    for (const happening of Happenings.between(before, view))
      yield* output.json
        ? output.value(Happenings.fields(happening))
        : output.progress(Happenings.sentence(happening, now))
  })
})

const tick = Effect.fnUntraced(function* (note: string) {
  const agent = yield* Agent.Agent
  const eye = yield* Looking.eyeOf(yield* Effect.context<Agents.Living>())
  const tell = yield* telling
  const first = yield* agent.view
  yield* tell(first)
  const report = yield* Effect.raceFirst(
    agent.tick(Trigger.manual(note)),
    Effect.andThen(Stream.runForEach(Sight.of(eye, "100 millis"), tell), Effect.never)
  )
  yield* tell(yield* agent.view)
  return report
})

const rests: Readonly<Record<Agent.Rest, (name: string) => string>> = {
  paused: (name) => `it is paused: \`farthing agent resume ${name}\` lets it go on`,
  hibernating: (name) => `it hibernates: \`farthing agent fund ${name}\` gives it money`,
  dormant: (name) => `it is dormant: \`farthing agent fund ${name}\` gives it money`
}

const tell = Effect.fnUntraced(function* (name: string, report: Agent.TickReport) {
  const output = yield* Output
  if (report._tag === "Rested") {
    if (output.json) return yield* output.value({ type: "rested", why: report.why })
    return yield* output.line(`${name} rests, and nothing was spent: ${rests[report.why](name)}`)
  }
  if (output.json) return
  const now = yield* Clock.currentTimeMillis
  for (const line of TickTelling.lines(report, now)) yield* output.line(line)
  const left = report.means.budget.leftToday
  if (left !== undefined) yield* output.note(`${Show.balance(left)} were left today before it`)
})

const run = Effect.fnUntraced(function* (who: string, note: string) {
  const output = yield* Output
  const { settings } = yield* Naming.find(who)
  yield* output.progress("looking around …")
  const report = yield* Effect.onInterrupt(tick(note), () => output.note(interrupted))
  yield* tell(settings.name, report)
})

export const command = Command.make("tick", { name: Naming.name, note }, ({ name, note }) =>
  Naming.as(name)(run(name, note))
).pipe(
  Command.withDescription("Let an agent look around, think and act, once and now"),
  Command.withExamples([
    { command: "farthing agent tick heron", description: "One turn" },
    { command: 'farthing agent tick heron "Say good morning"', description: "With a word of yours" }
  ])
)
