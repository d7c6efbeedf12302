/** `farthing agent show`: how an agent lives, what it did, and what it cost. */
import { Agent } from "@farthing/agent"
import { Clock, Effect } from "effect"
import { Command } from "effect/cli"
import * as AgentTelling from "../../agent/AgentTelling.ts"
import * as Looking from "../../agent/Looking.ts"
import * as Naming from "../../agent/Naming.ts"
import { Output } from "../../Output.ts"

const show = Effect.gen(function* () {
  const output = yield* Output
  const agent = yield* Agent.Agent
  yield* output.progress("asking its wallet …")
  const view = yield* agent.view
  const stories = yield* Looking.stories(view)
  if (output.json) return yield* output.value(AgentTelling.fields(view, stories))
  const now = yield* Clock.currentTimeMillis
  for (const line of AgentTelling.lines(view, stories, now)) yield* output.line(line)
})

export const command = Command.make("show", { name: Naming.name }, ({ name }) =>
  Naming.as(name)(show)
).pipe(Command.withDescription("Show how an agent lives, what it did, and what it cost"))
