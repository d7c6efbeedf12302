/**
 * Where a process dies. Whatever it does to the world outside (a commit, a message to a relay, a
 * call of the wallet) passes a named point before and another one after. A fuse tells of the
 * points, or kills a process at one of them: at once, with no chance to put anything in order.
 */
import { Context, Effect, Layer, Schema } from "effect"
import * as Lines from "./Lines.ts"

/** What kills: a point by its name, or the n-th of all that are passed from now on. */
export const Doom = Schema.Struct({
  at: Schema.Union([Schema.String, Schema.Int]),
  /** Who dies; default: the process that passes the point. */
  pid: Schema.optionalKey(Schema.Int)
})
export interface Doom extends Schema.Schema.Type<typeof Doom> {}

export interface Shape {
  /** Counts points anew, until one is this doom. */
  readonly arm: (doom: Doom) => void
  /** Nothing is a point from now on. */
  readonly disarm: () => void
  readonly pass: (name: string) => void
  /** Passes `before …` and, once it has succeeded, `after …`. */
  readonly around: <A, E, R>(name: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

export class Fuse extends Context.Service<Fuse, Shape>()("@farthing/trials/Fuse") {}

export interface Options {
  readonly doom?: Doom | undefined
  /** Whether each point is told of when it is passed. */
  readonly tells?: boolean | undefined
  /** Hears what is told; default: whoever started the process. */
  readonly say?: (line: Lines.Line) => void
}

export const make = ({ doom, say = Lines.say, tells = false }: Options): Shape => {
  const blow = ({ pid = process.pid }: Doom, label: string): void => {
    say({ _tag: "Killed", at: label, pid })
    process.kill(pid, "SIGKILL")
  }

  let armed = doom
  let isLive = true
  let passed = 0
  let times = new Map<string, number>()

  const pass = (name: string): void => {
    if (!isLive) return
    const time = (times.get(name) ?? 0) + 1
    const label = time === 1 ? name : `${name} #${time}`
    times.set(name, time)
    passed++
    if (tells) say({ _tag: "Point", name: label })
    if (armed !== undefined && (armed.at === label || armed.at === passed)) blow(armed, label)
  }

  return {
    arm: (doom) => {
      armed = doom
      passed = 0
      times = new Map()
    },
    disarm: () => {
      isLive = false
    },
    pass,
    around: (name, effect) =>
      Effect.suspend(() => {
        pass(`before ${name}`)
        return Effect.tap(effect, () => Effect.sync(() => pass(`after ${name}`)))
      })
  }
}

export const layer = (options: Options): Layer.Layer<Fuse> => Layer.sync(Fuse, () => make(options))
