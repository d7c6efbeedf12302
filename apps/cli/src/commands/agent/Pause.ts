/** `farthing agent pause` and `resume`: the brake of one agent. It works without wallet and network. */
import { AgentBook } from "@farthing/agent"
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Naming from "../../agent/Naming.ts"
import { Output } from "../../Output.ts"

const setPaused = (isPaused: boolean, says: (name: string) => string) =>
  Effect.fnUntraced(function* ({ name: who }: { readonly name: string }) {
    const output = yield* Output
    const { members } = yield* AgentBook.AgentBook
    const { id, settings } = yield* Naming.find(who)
    yield* members.setPaused(id, isPaused)
    if (output.json) return yield* output.value({ name: settings.name, paused: isPaused })
    yield* output.line(says(settings.name))
  })

export const pause = Command.make(
  "pause",
  { name: Naming.name },
  setPaused(
    true,
    (name) =>
      `${name} is paused: it thinks and acts no more until \`farthing agent resume ${name}\``
  )
).pipe(Command.withDescription("Let an agent think and act no more; what it began is not undone"))

export const resume = Command.make(
  "resume",
  { name: Naming.name },
  setPaused(false, (name) => `${name} goes on`)
).pipe(Command.withDescription("Let a paused agent go on"))
