/**
 * An agent that is looked at again and again: its books often, because they cost nothing; its wallet
 * now and then, and whenever a tick has ended.
 */
import type { AgentView } from "@farthing/agent"
import { type Duration, Effect, Latch, Ref, Stream } from "effect"

type View = AgentView.AgentView

/** The two ways to look at one agent. */
export interface Eye<E> {
  readonly books: Effect.Effect<AgentView.Books, E>
  readonly view: Effect.Effect<View, E>
}

type Means = Pick<View, "life" | "runway">

const betweenWallets = "15 seconds"

/** How it stands, now and whenever something has changed; as long as somebody listens. */
export const of = <E>(eye: Eye<E>, betweenBooks: Duration.Input): Stream.Stream<View, E> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const first = yield* eye.view
      const means = yield* Ref.make<Means>(first)
      const stale = yield* Latch.make(false)

      const askWallet = Effect.gen(function* () {
        yield* Effect.timeoutOption(stale.await, betweenWallets)
        yield* stale.close
        const { life, runway } = yield* eye.view
        yield* Ref.set(means, { life, runway })
      })
      // What is wrong with the books is told by whoever reads them.
      yield* Effect.forkScoped(Effect.forever(Effect.ignore(askWallet)))

      const look = Effect.map(
        Effect.all([eye.books, Ref.get(means)]),
        ([books, { life, runway }]) => ({
          ...books,
          life,
          runway
        })
      )

      const untilChanged = (before: View): Effect.Effect<View, E> =>
        Effect.gen(function* () {
          const markBefore = markOf(before)
          while (true) {
            yield* Effect.sleep(betweenBooks)
            const now: View = yield* look
            if (hasEnded(before, now)) yield* stale.open
            if (markOf(now) !== markBefore) return now
          }
        })

      return Stream.concat(
        Stream.succeed(first),
        Stream.unfold(first, (before) => Effect.map(untilChanged(before), (now) => [now, now]))
      )
    })
  )

const hasEnded = (before: View, now: View): boolean =>
  now.ticks[0]?.finishedAt !== before.ticks[0]?.finishedAt

/** Everything of it that is shown. */
const markOf = (view: View): string =>
  JSON.stringify([
    view.life,
    view.runway,
    view.member.isPaused,
    view.member.charter,
    view.budget,
    view.state,
    view.ticks.map(({ finishedAt, number, stage }) => [number, stage, finishedAt]),
    [...view.actions, ...view.waiting].map(({ position, state, tick }) => [tick, position, state]),
    view.jobs.map(({ request, state }) => [request, state]),
    view.receipts.map(({ request }) => request)
  ])
