import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema, Stream } from "effect"
import * as Board from "../src/agent/Board.ts"
import * as Happenings from "../src/agent/Happenings.ts"
import * as Watching from "../src/agent/Watching.ts"
import * as Screen from "./support/Screen.ts"
import * as Views from "./support/Views.ts"

const usual = { columns: 80, rows: 24 }

const frame = (views: Board.Seen["views"], size = usual, trouble = "") =>
  Board.frame({ views, now: Views.now, trouble }, size)

const one = Views.view("heron", {
  jobs: [Views.job],
  waiting: [{ ...Views.action, position: 1, state: "waiting" }]
})

describe("what has happened between two looks at an agent", () => {
  it("tells of each stage of a job once", () => {
    const view = Views.view("heron")
    const paying = { ...view, jobs: [Views.job] }
    const locked = { ...view, jobs: [{ ...Views.job, state: "locked" as const }] }
    const stages = (before: typeof view, after: typeof view) =>
      Happenings.between(before, after).flatMap((it) => (it._tag === "Job" ? [it.job.state] : []))
    assert.deepStrictEqual(stages(view, paying), ["paying"])
    assert.deepStrictEqual(stages(paying, paying), [])
    assert.deepStrictEqual(stages(paying, locked), ["locked"])
    assert.deepStrictEqual(stages(locked, view), [])
  })
})

describe("the live view of an agent", () => {
  it("tells its life, its runway, its limits as bars, its jobs and receipts", () => {
    const text = frame([one]).join("\n")
    for (const fact of [
      /^03:04:05 UTC +q ends it$/m,
      /^heron {2}npub1/m,
      /^active: thinks/m,
      /^runway 12\.5 days: 1,234 sats, burns 98 sats a day as its last ticks did$/m,
      /^next heartbeat in 4 s$/m,
      /^daily_limit_sats {2}█+░+ {2}120 of 500 sats$/m,
      /^ {2}heron 1\.1 {2}POST: hello$/m,
      /^ {2}✓ POST: hello$/m,
      /^ {2}paying {2}corner shop {2}10 sats {2}a{12}$/m,
      /^ {2}03:04:02 {2}corner shop {2}10 sats {2}POST: hello$/m
    ])
      assert.match(text, fact)
  })

  it("tells of what has gone wrong last", () => {
    assert.include(frame([one], usual, "heron: the relay is away"), "heron: the relay is away")
  })

  it("says that it is paused, that its wallet is silent, that nobody lets it live", () => {
    const { member } = one
    const paused = Views.view("heron", { member: { ...member, isPaused: true }, runway: undefined })
    assert.match(
      frame([paused]).join("\n"),
      /^paused: [^]*^runway unknown: its wallet does not answer$/m
    )
    const left = Views.view("heron", { member: { ...member, nextHeartbeat: Views.now - 600_000 } })
    assert.match(frame([left]).join("\n"), /^its heartbeat was due 10 min ago: .*farthing-worker/m)
  })

  it.prop(
    "is no larger than the terminal, whatever is in it, and keeps what is needed most",
    [
      Schema.Int.check(Schema.isBetween({ minimum: 10, maximum: 200 })),
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 })),
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 30 })),
      Schema.String
    ],
    ([columns, rows, agents, text]) => {
      const said = { ...Views.action, action: { _tag: "Post", text: `${text}!` } } as const
      const views = Array.from({ length: agents }, (_, index) =>
        Views.view(`heron-${index}`, {
          actions: Array.from({ length: 8 }, () => said),
          jobs: [{ ...Views.job, providerName: text }],
          receipts: Array.from({ length: 10 }, () => ({ ...Views.receipt, text }))
        })
      )
      const lines = frame(views, { columns, rows })
      assert.isAtMost(lines.length, rows)
      for (const line of lines) {
        assert.isAtMost([...line].length, columns)
        // oxlint-disable-next-line no-control-regex
        assert.notMatch(line, /[\u0000-\u001f\u007f-\u009f]/)
      }
      assert.match(lines[0] ?? "", /^03:04:05/)
    },
    { arbitrary: { runs: 200 } }
  )
})

describe("the live view on a terminal", () => {
  const opened = "\u001b[?1049h\u001b[?25l\u001b[?7l"
  const closed = "\u001b[?7h\u001b[?25h\u001b[?1049l"

  /** A picture that goes on, on a screen of its own. */
  const live = Effect.fnUntraced(function* (
    screen: Effect.Success<ReturnType<typeof Screen.make>>
  ) {
    const views = yield* Watching.nobody
    const looks = Stream.concat(Stream.succeed({ view: one, happenings: [] }), Stream.never)
    return yield* Watching.showLive(looks, views, Effect.succeed("")).pipe(
      Effect.provide(screen.layer),
      Effect.forkChild
    )
  })

  const until = (isSo: () => boolean): Effect.Effect<void> =>
    Effect.suspend(() => (isSo() ? Effect.void : Effect.andThen(Effect.yieldNow, until(isSo))))

  it.live("is drawn over in place, and gone when somebody types q", () =>
    Effect.gen(function* () {
      const screen = yield* Screen.make({ columns: 80 })
      const fiber = yield* live(screen)
      yield* until(() => screen.text().includes("heron"))
      yield* screen.type("q")
      yield* Fiber.join(fiber)
      assert.isTrue(screen.text().startsWith(opened))
      assert.isTrue(screen.text().endsWith(closed))
      assert.notInclude(screen.text().slice(0, -closed.length), closed)
      assert.notInclude(screen.text(), "\n\u001b[?25h")
    })
  )

  it.live("leaves the terminal as it was when it is interrupted", () =>
    Effect.gen(function* () {
      const screen = yield* Screen.make({ columns: 80 })
      const fiber = yield* live(screen)
      yield* until(() => screen.text().includes("heron"))
      yield* Fiber.interrupt(fiber)
      assert.isTrue(screen.text().endsWith(closed))
    })
  )
})
