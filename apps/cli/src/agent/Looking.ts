/** What there is to see of an agent, from within its life. */
import { Agent, AgentBook, AgentView } from "@farthing/agent"
import { Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Context, Effect } from "effect"
import type { Agents } from "farthing"

/** The two ways to look at it. */
export const eyeOf = Effect.fnUntraced(function* (life: Context.Context<Agents.Living>) {
  const book = yield* AgentBook.AgentBook
  const agent = Context.get(life, Agent.Agent)
  return {
    books: AgentView.booksOf(agent.publicKey, {
      book,
      compute: Context.get(life, ComputeClient.ComputeClient),
      treasury: Context.get(life, Treasury.Treasury)
    }),
    view: agent.view
  }
})

/** What it did in the ticks that a view tells of, newest first. */
export const stories = Effect.fnUntraced(function* ({ publicKey, ticks }: AgentView.AgentView) {
  const book = yield* AgentBook.AgentBook
  return yield* Effect.forEach(ticks, (tick) =>
    Effect.map(book.ticks.actions(publicKey, tick.number), (actions) => ({ tick, actions }))
  )
})
