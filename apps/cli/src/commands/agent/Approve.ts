/** `farthing agent approve` and `deny`: a person's word on what an agent wants to do. */
import { AgentBook, TickRecord } from "@farthing/agent"
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import * as Naming from "../../agent/Naming.ts"
import * as TickTelling from "../../agent/TickTelling.ts"
import { Output } from "../../Output.ts"
import { UsageError } from "../../UsageError.ts"

const action = Argument.String("action").pipe(
  Argument.withDescription("What it is called in `farthing agent show`, such as 3.1"),
  Argument.withSchema(TickRecord.ActionId)
)

const decide = (isApproved: boolean, says: (name: string) => string) =>
  Effect.fnUntraced(function* ({
    action,
    name: who
  }: {
    readonly name: string
    readonly action: TickRecord.ActionId
  }) {
    const output = yield* Output
    const { ticks } = yield* AgentBook.AgentBook
    const { id, settings } = yield* Naming.find(who)
    const waiting = yield* ticks.actionsIn(id, ["waiting"])
    const record = waiting.find((it) => TickTelling.idOf(it) === action)
    if (record === undefined || !(yield* ticks.decide(record, isApproved)))
      return yield* new UsageError({
        message: `nothing of ${settings.name} that is called ${action} waits for you: see \`farthing agent show ${settings.name}\``
      })
    if (output.json)
      return yield* output.value({
        ...TickTelling.actionFields(record),
        state: isApproved ? "approved" : "rejected",
        approved: isApproved
      })
    yield* output.line(TickTelling.deed(record, 1_000))
    yield* output.line(says(settings.name))
  })

const both = { name: Naming.name, action }

export const approve = Command.make(
  "approve",
  both,
  decide(
    true,
    (name) => `agreed: its next tick does it, and \`farthing agent tick ${name}\` is one at once`
  )
).pipe(Command.withDescription("Agree to what an agent wants to do"))

export const deny = Command.make(
  "deny",
  both,
  decide(false, (name) => `not agreed: ${name} does not do it`)
).pipe(Command.withDescription("Say no to what an agent wants to do"))
