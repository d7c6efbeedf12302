/** `farthing agent list`: everybody of this home, in a line each. */
import { Agent } from "@farthing/agent"
import { Clock, Effect } from "effect"
import { Command } from "effect/cli"
import { Agents } from "farthing"
import * as AgentTelling from "../../agent/AgentTelling.ts"
import * as Board from "../../agent/Board.ts"
import * as Naming from "../../agent/Naming.ts"
import { Output } from "../../Output.ts"

/** How many are asked at once. */
const concurrency = 8

export const run = Effect.fnUntraced(function* () {
  const output = yield* Output
  const household = yield* Agents.Household
  const residents = yield* household.residents
  yield* output.progress("asking their wallets …")
  const views = yield* Effect.forEach(
    residents,
    ({ settings }) =>
      Effect.flatMap(Agent.Agent, ({ view }) => view).pipe(Naming.as(settings.name)),
    { concurrency }
  )
  const now = yield* Clock.currentTimeMillis
  if (output.json) yield* output.value(views.map(AgentTelling.briefFields))
  else if (views.length > 0)
    yield* output.table(
      Board.columns,
      views.map((view) => Board.row(view, now))
    )
  for (const { message } of yield* household.absent) yield* output.note(message)
  if (residents.length === 0) yield* output.note("no agent yet: make one with `farthing agent new`")
})

export const command = Command.make("list", {}, run).pipe(
  Command.withDescription("List the agents of this home")
)
