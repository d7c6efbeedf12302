/** The brake: `budget freeze` stops all spending at once, `budget unfreeze` lets it go on. */
import { Treasury } from "@farthing/budget"
import { Text } from "@farthing/protocol"
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { Market } from "farthing"
import { books } from "../../Market.ts"
import { Output } from "../../Output.ts"

/** Does it to every budget of the home: that of a customer, and that of a provider's refunds. */
const everywhere = <A, E>(act: (treasury: Treasury.Shape) => Effect.Effect<A, E>) => {
  const here = Effect.flatMap(Treasury.Treasury, act)
  return Effect.all([here, Effect.provide(here, Market.refundBooks)])
}

const words = Argument.String("reason").pipe(
  Argument.withDescription("Why, for whoever finds it frozen"),
  Argument.variadic()
)

export const freeze = Command.make(
  "freeze",
  { words },
  Effect.fnUntraced(function* ({ words }) {
    const output = yield* Output
    const reason = Text.printable(words.join(" ")) || "by hand"
    yield* everywhere((treasury) => treasury.freeze(reason))
    if (output.json) return yield* output.value({ frozen: reason })
    yield* output.line(`spending is frozen: ${reason}`)
    yield* output.line("nothing more is paid until `farthing budget unfreeze`")
  })
).pipe(
  Command.withDescription("Stop all spending at once; works without wallet and network"),
  Command.provide(books)
)

export const unfreeze = Command.make(
  "unfreeze",
  {},
  Effect.fnUntraced(function* () {
    const output = yield* Output
    const before = yield* everywhere((treasury) =>
      Effect.tap(treasury.status, () => treasury.unfreeze)
    )
    if (output.json) return yield* output.value({ frozen: null })
    const reasons = new Set(before.flatMap(({ frozen }) => frozen ?? []))
    yield* output.line(
      reasons.size === 0
        ? "spending was not frozen"
        : `spending goes on; it was frozen: ${[...reasons].map((it) => Text.printable(it)).join("; ")}`
    )
  })
).pipe(
  Command.withDescription("Let spending go on; run `farthing budget audit` before"),
  Command.provide(books)
)
