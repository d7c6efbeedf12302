/** Whom somebody means. */
import { Effect } from "effect"
import { Argument } from "effect/cli"
import { Agents } from "farthing"

export const name = Argument.String("name").pipe(
  Argument.withDescription("Which agent: its name, or its npub")
)

/** Who it is, awake or not. */
export const find = (who: string) =>
  Effect.flatMap(Agents.Household, (household) => household.find(who.trim()))

/** Runs in the life of an agent: with its key, its purse, its market. */
export const as =
  (who: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { live } = yield* Agents.Household
        const { id } = yield* find(who)
        return yield* Effect.provideContext(effect, yield* live(id))
      })
    )
