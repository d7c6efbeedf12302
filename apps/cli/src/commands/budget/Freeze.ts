/** The brake: `budget freeze` stops all spending at once, `budget unfreeze` lets it go on. */
import { Treasury } from "@farthing/budget"
import { Text } from "@farthing/protocol"
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import * as Market from "../../Market.ts"
import { Output } from "../../Output.ts"

const words = Argument.String("reason").pipe(
  Argument.withDescription("Why, for whoever finds it frozen"),
  Argument.variadic()
)

export const freeze = Command.make(
  "freeze",
  { words },
  Effect.fnUntraced(function* ({ words }) {
    const output = yield* Output
    const treasury = yield* Treasury.Treasury
    const reason = Text.printable(words.join(" ")) || "by hand"
    yield* treasury.freeze(reason)
    if (output.json) return yield* output.value({ frozen: reason })
    yield* output.line(`spending is frozen: ${reason}`)
    yield* output.line("nothing more is paid until `farthing budget unfreeze`")
  })
).pipe(
  Command.withDescription("Stop all spending at once; works without wallet and network"),
  Command.provide(Market.books)
)

export const unfreeze = Command.make(
  "unfreeze",
  {},
  Effect.fnUntraced(function* () {
    const output = yield* Output
    const treasury = yield* Treasury.Treasury
    const { frozen } = yield* treasury.status
    yield* treasury.unfreeze
    if (output.json) return yield* output.value({ frozen: null })
    yield* output.line(
      frozen === undefined
        ? "spending was not frozen"
        : `spending goes on; it was frozen: ${Text.printable(frozen)}`
    )
  })
).pipe(
  Command.withDescription("Let spending go on; run `farthing budget audit` before"),
  Command.provide(Market.books)
)
