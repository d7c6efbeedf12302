/**
 * Plays many crashes, a few at a time. They follow each other in towns that stay as long as their
 * books agree, but for those that take a town of their own.
 */
import { Array as Arr, Effect, FileSystem, Pool } from "effect"
import { join } from "node:path"
import type { Line } from "../processes/Lines.ts"
import * as Town from "../processes/Town.ts"
import * as Crash from "./Crash.ts"
import * as Points from "./Points.ts"

export interface Options {
  /** Where the towns' folders are. */
  readonly root: string
  /** The folder of the bundled processes. */
  readonly bundle: string
  /** How many purchases go on at once. */
  readonly lanes: number
  /** How much longer than in an idle machine people wait. */
  readonly patience: number
}

/** A point that was played, and where its books are. */
export interface Played extends Crash.Verdict {
  readonly point: Points.Point
  /** Whether somebody died. */
  readonly struck: boolean
  readonly folder: string
}

/** A town, and what is remembered of it. */
interface Place {
  readonly town: Town.Town
  readonly heard: Array<{ readonly name: string; readonly line: Line }>
  purchases: number
  /** Its books do not agree: they stay to be looked at. */
  isSpoilt: boolean
}

/** One purchase may take this long with all its recoveries. */
const longest = "5 minutes"

export const make = ({ bundle, lanes, patience, root }: Options) => {
  let founded = 0

  /** A new town, until the scope closes; with a point, its provider's first life ends there. */
  const found = Effect.fnUntraced(function* (kind: Points.Kind, point?: Points.Point) {
    const fileSystem = yield* FileSystem.FileSystem
    const folder = join(root, `town-${++founded}`)
    const heard: Place["heard"] = []
    let place: Place | undefined
    yield* Effect.addFinalizer(() =>
      place?.isSpoilt === false
        ? Effect.ignore(fileSystem.remove(folder, { recursive: true }))
        : Effect.void
    )
    const town = yield* Town.make({
      folder,
      bundle,
      patience,
      customers: [Points.customer],
      providers: { [Points.provider]: Points.kinds[kind].backend },
      spark: Points.sparkOf(kind),
      onLine: (name, line) => heard.push({ name, line }),
      fate: (name) =>
        Effect.sync(() => {
          const isFirst = !heard.some((said) => said.name === name)
          return point?.watched === name && isFirst ? { at: point.at } : undefined
        })
    })
    place = { town, heard, purchases: 0, isSpoilt: false }
    return place
  })

  const playIn = Effect.fnUntraced(function* (
    place: Place,
    kind: Points.Kind,
    point?: Points.Point
  ) {
    const verdict = yield* Crash.play(
      place.town,
      `purchase-${++place.purchases}`,
      kind,
      point
    ).pipe(
      Effect.timeoutOrElse({
        duration: longest,
        orElse: () => Effect.fail(new Crash.Stuck({ message: `not over after ${longest}` }))
      }),
      Effect.catchTag("Stuck", ({ message }) =>
        Effect.succeed<Crash.Verdict>({ outcome: "stuck", disagreements: [message] })
      )
    )
    place.isSpoilt ||= verdict.disagreements.length > 0
    return verdict
  })

  /** A purchase in which nobody dies: its verdict, and the points that each process passed. */
  const rehearse = (kind: Points.Kind) =>
    Effect.gen(function* () {
      const place = yield* found(kind)
      const before = place.heard.length
      const verdict = yield* playIn(place, kind)
      // Before that the market had nothing to do with a purchase.
      const passed = (name: Points.Watched) =>
        place.heard
          .slice(name === "market" || name === "operators" ? before : 0)
          .flatMap(({ line, name: by }) =>
            by === name && line._tag === "Point" ? [line.name] : []
          )
      return {
        ...verdict,
        passed: {
          customer: passed("customer"),
          provider: passed("provider"),
          market: passed("market"),
          operators: passed("operators")
        }
      }
    }).pipe(Effect.scoped)

  const playPoint = Effect.fnUntraced(function* (place: Place, point: Points.Point) {
    const before = Points.isAlone(point) ? 0 : place.heard.length
    const verdict = yield* playIn(place, point.kind, point)
    const struck = place.heard.slice(before).some(({ line }) => line._tag === "Killed")
    return { ...verdict, point, struck, folder: place.town.folder } satisfies Played
  })

  /** Points of one kind; `tell` hears of each when it is over. */
  const playKind = Effect.fnUntraced(function* (
    kind: Points.Kind,
    points: ReadonlyArray<Points.Point>,
    tell: (played: Played) => Effect.Effect<void>
  ) {
    const towns = yield* Pool.make({ acquire: found(kind), size: lanes })
    return yield* Effect.forEach(
      points,
      (point) =>
        Effect.gen(function* () {
          const isAlone = Points.isAlone(point)
          const place = yield* isAlone ? found(kind, point) : Pool.get(towns)
          const played = yield* playPoint(place, point)
          // A doom that nobody met waits for somebody else there.
          if (!isAlone && (place.isSpoilt || !played.struck)) yield* Pool.invalidate(towns, place)
          yield* tell(played)
          return played
        }).pipe(Effect.scoped),
      { concurrency: lanes }
    )
  }, Effect.scoped)

  const play = Effect.fnUntraced(function* (
    points: ReadonlyArray<Points.Point>,
    tell: (played: Played) => Effect.Effect<void>
  ) {
    const kinds = Arr.dedupe(points.map(({ kind }) => kind))
    const played = yield* Effect.forEach(kinds, (kind) =>
      playKind(
        kind,
        points.filter((point) => point.kind === kind),
        tell
      )
    )
    return played.flat()
  })

  return { rehearse, play }
}
