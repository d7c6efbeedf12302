/** `farthing budget`: what may be spent, what was, and what is held. */
import { Treasury } from "@farthing/budget"
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Market from "../Market.ts"
import { Output } from "../Output.ts"
import * as Show from "../Show.ts"
import * as Table from "../Table.ts"

const barWidth = 20

/** `████░░░░`: spent and held together against the limit. */
const bar = ({ held, most, spent }: Treasury.LimitStatus): string => {
  const used = most === 0 ? 1 : Math.min(1, (spent + held) / most)
  const full = Math.round(used * barWidth)
  return "█".repeat(full) + "░".repeat(barWidth - full)
}

const fields = (status: Treasury.Status) => ({
  day: status.day,
  frozen: status.frozen ?? null,
  spent_today_msats: status.spentToday,
  held_msats: status.held,
  unknown_msats: status.unknown,
  spent_ever_msats: status.spentEver,
  limits: status.limits.map(({ held, limit, most, spent }) => ({
    limit,
    most_msats: most,
    spent_msats: spent,
    held_msats: held
  }))
})

export const command = Command.make(
  "budget",
  {},
  Effect.fnUntraced(function* () {
    const output = yield* Output
    const treasury = yield* Treasury.Treasury
    const status = yield* treasury.status
    if (output.json) return yield* output.value(fields(status))
    yield* output.line(`day          ${status.day}`)
    yield* output.line(`spent today  ${Show.cost(status.spentToday)}`)
    yield* output.line(`held         ${Show.cost(status.held)}`)
    yield* output.line(`unknown      ${Show.cost(status.unknown)}`)
    yield* output.line(`spent ever   ${Show.cost(status.spentEver)}`)
    if (status.frozen !== undefined) yield* output.line(`frozen       ${status.frozen}`)
    if (status.limits.length === 0)
      return yield* output.note("no limit is set: `farthing init` writes a configuration with some")
    const rows = status.limits.map((limit) => [
      limit.limit,
      bar(limit),
      Show.cost(limit.spent),
      Show.cost(limit.held),
      Show.balance(limit.most)
    ])
    yield* output.line("")
    for (const line of Table.render(["LIMIT", "USED", "SPENT", "HELD", "MOST"], rows))
      yield* output.line(line)
  })
).pipe(
  Command.withDescription("Show what may be spent, what was spent and what is held"),
  Command.provide(Market.onlooker)
)
