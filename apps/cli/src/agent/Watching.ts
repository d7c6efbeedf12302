/** Agents that somebody watches: what comes of looking at all of them again and again. */
import type { AgentView } from "@farthing/agent"
import type { Key } from "@farthing/protocol"
import { Clock, Effect, Ref, Stream } from "effect"
import { Output } from "../Output.ts"
import * as Screen from "../Screen.ts"
import * as Board from "./Board.ts"
import * as Happenings from "./Happenings.ts"
import * as Sight from "./Sight.ts"
import * as Show from "../Show.ts"
import * as AgentTelling from "./AgentTelling.ts"

type View = AgentView.AgentView

/** A new look at one of them, and what has happened since the one before. */
export interface Look {
  readonly view: View
  readonly happenings: ReadonlyArray<Happenings.Happening>
}

/** Few are looked at often, many as often as their books allow. */
const between = (count: number) => `${Math.min(2_000, 150 * count)} millis` as const

const looksAt = <E>(eye: Sight.Eye<E>, count: number): Stream.Stream<Look, E> =>
  Sight.of(eye, between(count)).pipe(
    Stream.mapAccum(
      (): View | undefined => undefined,
      (before, view) => [view, [{ view, happenings: Happenings.between(before, view) }]] as const
    )
  )

const ticksIn = ({ happenings }: Look): number =>
  happenings.filter(({ _tag }) => _tag === "Ended").length

/** Everybody's, as they come; until so many ticks have ended. */
export const looks = <E>(
  eyes: ReadonlyArray<Sight.Eye<E>>,
  ticks = Number.POSITIVE_INFINITY
): Stream.Stream<Look, E> =>
  Stream.mergeAll(
    eyes.map((eye) => looksAt(eye, eyes.length)),
    { concurrency: "unbounded" }
  ).pipe(
    Stream.mapAccum(
      () => 0,
      (before, look) => {
        const ended = before + ticksIn(look)
        return [ended, [{ look, ended }]] as const
      }
    ),
    Stream.takeUntil(({ ended }) => ended >= ticks),
    Stream.map(({ look }) => look)
  )

/** A line for each thing that happens, for pipes and programs. */
export const tellInLines = Effect.fnUntraced(function* ({ happenings, view }: Look) {
  const output = yield* Output
  const now = yield* Clock.currentTimeMillis
  const name = AgentTelling.name(view)
  for (const happening of happenings)
    yield* output.json
      ? output.value({ at_millis: now, agent: name, ...Happenings.fields(happening) })
      : output.line(
          `${Show.exactTime(now).slice(0, 19)}  ${name}  ${Happenings.sentence(happening, now)}`
        )
})

/** How often the picture is drawn anew: times in it go on. */
const betweenFrames = "200 millis"

/** How each of them was seen last. */
export type Known = Ref.Ref<ReadonlyMap<Key.PublicKey, View>>

export const nobody: Effect.Effect<Known> = Ref.make<ReadonlyMap<Key.PublicKey, View>>(new Map())

/** A picture of all of them, in place, as long as looks come and nobody has seen enough. */
export const showLive = Effect.fnUntraced(function* <E>(
  looks: Stream.Stream<Look, E>,
  views: Known,
  trouble: Effect.Effect<string>
) {
  const screen = yield* Screen.open
  const draw = Effect.gen(function* () {
    const seen: Board.Seen = {
      views: [...(yield* Ref.get(views)).values()],
      now: yield* Clock.currentTimeMillis,
      trouble: yield* trouble
    }
    yield* screen.draw(Board.frame(seen, yield* screen.size))
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(draw, Effect.sleep(betweenFrames))))
  const watch = Stream.runForEach(looks, ({ view }) =>
    Ref.update(views, (before) => new Map(before).set(view.publicKey, view))
  )
  yield* Effect.raceFirst(watch, Screen.untilQuit)
}, Effect.scoped)
