/** `farthing agent goal`: what a person wants of an agent, and can take away again. */
import { Agent } from "@farthing/agent"
import { Effect, Option, Schedule } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import * as AgentTelling from "../../agent/AgentTelling.ts"
import * as Naming from "../../agent/Naming.ts"
import { Output } from "../../Output.ts"
import { UsageError } from "../../UsageError.ts"

const goal = Argument.String("goal").pipe(
  Argument.withDescription("In your words; stands in every prompt. Without one: what there is"),
  Argument.map((text) => text.trim()),
  Argument.filter(
    ({ length }) => length > 0 && length <= 500,
    ({ length }) => `Expected 1 to 500 characters, got ${length}`
  ),
  Argument.optional
)

const drop = Flag.String("drop").pipe(
  Flag.withMetavar("id"),
  Flag.withDescription("Take this goal or memory away, whoever it is from (such as g1, m2)"),
  Flag.optional
)

/** Waits until a tick is over that another process is at. */
const patiently = <A, E extends { readonly _tag: string }, R>(change: Effect.Effect<A, E, R>) =>
  Effect.retry(change, {
    while: ({ _tag }) => _tag === "AgentBusy",
    schedule: Schedule.spaced("250 millis"),
    times: 40
  })

const assign = (goal: string) =>
  Effect.flatMap(Agent.Agent, (agent) => patiently(agent.assign(goal)))

/** Somebody who mistypes an id has to hear of it. */
const takeAway = Effect.fnUntraced(function* (id: string) {
  const agent = yield* Agent.Agent
  const { goals, memories } = (yield* agent.view).state
  if (![...goals, ...memories].some((it) => it.id === id))
    return yield* new UsageError({
      message: `there is no goal and no memory ${JSON.stringify(id)}: \`farthing agent show\` has them`
    })
  yield* patiently(agent.drop(id))
})

interface Change {
  readonly goal: Option.Option<string>
  readonly drop: Option.Option<string>
}

const change = Effect.fnUntraced(function* ({ drop, goal }: Change) {
  const output = yield* Output
  const agent = yield* Agent.Agent
  if (Option.isSome(goal)) yield* assign(goal.value)
  if (Option.isSome(drop)) yield* takeAway(drop.value)
  const { state } = yield* agent.view
  if (output.json) return yield* output.value({ goals: state.goals, memories: state.memories })
  for (const line of AgentTelling.goals(state)) yield* output.line(line)
  if (state.goals.length === 0) yield* output.note("no goals")
})

export const command = Command.make(
  "goal",
  { name: Naming.name, goal, drop },
  ({ name, ...wish }) => Naming.as(name)(change(wish))
).pipe(
  Command.withDescription("Give an agent a goal, or take one away"),
  Command.withExamples([
    {
      command: 'farthing agent goal heron "Post one thing about the farthing each day"',
      description: "Only you can take it away again"
    },
    { command: "farthing agent goal heron --drop g1", description: "Take it away" }
  ])
)
