/**
 * Many agents in one process, over one clock with one timer: whoever is due ticks, a few at once,
 * and what befalls one touches no other. An agent that waits is an entry in a heap; what it lives on
 * is built when it wakes.
 */
import { Treasury } from "@farthing/budget"
import type { Key } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import type { Scope } from "effect"
import {
  Cause,
  Clock,
  Context,
  Duration,
  Effect,
  Exit,
  Latch,
  PubSub,
  Random,
  Stream
} from "effect"
import type * as Agent from "./Agent.ts"
import { AgentBook, type BookUnavailable } from "./AgentBook.ts"
import { AgentBusy } from "./AgentError.ts"
import * as Listening from "./Listening.ts"
import * as Mail from "./Mail.ts"
import * as Metrics from "./Metrics.ts"
import * as Roster from "./Roster.ts"
import type { TickReport } from "./Tick.ts"
import type { Trigger } from "./Trigger.ts"
import * as TriggerQueue from "./TriggerQueue.ts"

/** Something that happened to an agent. */
export type AgentEvent =
  | { readonly _tag: "Began"; readonly agent: Key.PublicKey; readonly trigger: Trigger }
  | { readonly _tag: "Ticked"; readonly agent: Key.PublicKey; readonly report: TickReport }
  /** A `TickError`, whatever made it impossible to enter, or a defect. */
  | { readonly _tag: "Failed"; readonly agent: Key.PublicKey; readonly cause: Cause.Cause<unknown> }

export interface Shape {
  /**
   * Takes in everybody whom the book knows: those who are new, and what is new of the others.
   * Answers with how many there are. To be called again when the book was changed.
   */
  readonly load: Effect.Effect<number, BookUnavailable>
  /** Lets agents tick when they are due, until it is interrupted. */
  readonly run: Effect.Effect<never>
  /** One tick of everybody, due or not; ends when all have ended. */
  readonly once: Effect.Effect<ReadonlyArray<AgentEvent>>
  /** Hears what the relays have for them; begins anew when `load` has taken somebody in. */
  readonly listen: Effect.Effect<never, BookUnavailable, Relay.Relay>
  /** False for somebody unknown. */
  readonly trigger: (agent: Key.PublicKey, trigger: Trigger) => Effect.Effect<boolean>
  /** No tick begins any more; waits for those that go on. */
  readonly drain: Effect.Effect<void>
  /** What happens from the moment of subscription on. */
  readonly events: Stream.Stream<AgentEvent>
  /** Unix milliseconds at which the next tick is due; infinite where none is. */
  readonly nextDue: Effect.Effect<number>
}

export class Agents extends Context.Service<Agents, Shape>()("@farthing/agent/Agents") {}

export interface Options<E, R> {
  /** What an agent lives on: built when it wakes, given back after its tick. */
  readonly enter: (agent: Key.PublicKey) => Effect.Effect<Agent.Shape, E, R | Scope.Scope>
  /** How many tick at once; default 32. */
  readonly ticksAtOnce?: number
  readonly rules?: TriggerQueue.Rules
  /** How far back letters are looked for at the start; default a day. */
  readonly lookBack?: Duration.Input
}

/** Timers take no longer waits than some weeks. */
const longestWait = Duration.toMillis("1 day")

/** Ticks go on until the scope closes. */
export const make = Effect.fnUntraced(function* <E, R = never>(
  options: Options<E, R>
): Effect.fn.Return<Shape, never, AgentBook | R | Scope.Scope> {
  const { rules = TriggerQueue.rules, ticksAtOnce = 32 } = options
  const book = yield* AgentBook
  const context = yield* Effect.context<R>()
  const scope = yield* Effect.scope
  const roster = Roster.make(rules)
  const events = yield* PubSub.sliding<AgentEvent>(256)
  /** Somebody may be due earlier, or there may be room for another tick. */
  const stirred = yield* Latch.make(false)
  const changed = yield* Latch.make(false)
  const idle = yield* Latch.make(true)
  let ticking = 0
  let isClosing = false

  const tell = (event: AgentEvent) => Effect.asVoid(PubSub.publish(events, event))

  const load = Effect.gen(function* () {
    const members = yield* book.members.all
    const now = yield* Clock.currentTimeMillis
    roster.retain(members)
    for (const member of members) roster.take(member, now, yield* Random.next)
    for (const { agent, trigger } of yield* book.post.unheard) roster.offer(agent, trigger, now)
    stirred.openUnsafe()
    changed.openUnsafe()
    return roster.seats.size
  })

  const trigger = (agent: Key.PublicKey, trigger: Trigger) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      stirred.openUnsafe()
      return roster.offer(agent, trigger, now)
    })

  /** Everything that can befall it is its own. */
  const tick = (agent: Key.PublicKey, trigger: Trigger): Effect.Effect<AgentEvent> =>
    tell({ _tag: "Began", agent, trigger }).pipe(
      Effect.andThen(options.enter(agent)),
      Effect.flatMap((agent) => agent.tick(trigger)),
      Effect.scoped,
      Effect.provideContext(context),
      Effect.exit,
      Effect.map((exit): AgentEvent =>
        Exit.isSuccess(exit)
          ? { _tag: "Ticked", agent, report: exit.value }
          : { _tag: "Failed", agent, cause: exit.cause }
      ),
      Effect.tap(tell)
    )

  const begun = () => {
    ticking++
    idle.closeUnsafe()
  }

  const ended = () => {
    if (--ticking === 0) idle.openUnsafe()
    stirred.openUnsafe()
  }

  /** The tick of a seat, and when it is due again. */
  const seatTick = (seat: Roster.Seat, trigger: Trigger) =>
    Effect.gen(function* () {
      const event = yield* tick(seat.id, trigger)
      const now = yield* Clock.currentTimeMillis
      const end = isOpen(event) ? "open" : "over"
      const heartbeat = roster.end(seat, trigger, end, now, yield* Random.next)
      if (heartbeat !== undefined)
        yield* Effect.ignore(book.members.setHeartbeat(seat.id, heartbeat))
      return event
    }).pipe(Effect.ensuring(Effect.sync(ended)))

  const hasRoom = () => ticking < ticksAtOnce && !isClosing

  const launchDue = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.whileLoop({
      while: () => hasRoom() && roster.nextDue() <= now,
      body: () => {
        const late = Math.max(0, now - roster.nextDue())
        const due = roster.begin(now)
        if (due === undefined) return Effect.void
        begun()
        return Effect.andThen(
          Metrics.late(late),
          Effect.forkIn(seatTick(due.seat, due.trigger), scope, { startImmediately: true })
        )
      },
      step: () => {}
    })
  )

  /** The one timer: until somebody is due, or something has changed. */
  const wait = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    hasRoom() && Number.isFinite(roster.nextDue())
      ? Effect.timeoutOption(
          stirred.await,
          Math.min(Math.max(roster.nextDue() - now, 0), longestWait)
        )
      : stirred.await
  )

  const run = Effect.sync(() => stirred.closeUnsafe()).pipe(
    Effect.andThen(launchDue),
    Effect.andThen(wait),
    Effect.forever
  )

  const once = Effect.suspend(() =>
    Effect.forEach(
      [...roster.seats.values()],
      (seat) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          begun()
          return seatTick(seat, roster.beginNow(seat, now))
        }),
      { concurrency: ticksAtOnce }
    )
  )

  const receive = Effect.fnUntraced(function* ({ agent, letter }: Listening.Received) {
    const now = yield* Clock.currentTimeMillis
    if (yield* book.post.receive(agent, letter, now)) yield* trigger(agent, Mail.triggerOf(letter))
  })

  const hear = Effect.fnUntraced(function* (since: number) {
    const relay = yield* Relay.Relay
    const listeners = Array.from(roster.seats.values(), ({ listener }) => listener)
    if (listeners.length === 0) return yield* Effect.never
    return yield* Listening.letters(relay, listeners, since).pipe(
      Stream.runForEach(receive),
      Effect.catchTag("RelayError", ({ message }) =>
        Effect.andThen(Effect.logWarning(`Agents hear nothing: ${message}`), Effect.sleep(deaf))
      )
    )
  })

  const listen = Effect.gen(function* () {
    const since = (yield* UnixTime.now) - Duration.toSeconds(options.lookBack ?? "1 day")
    while (true) {
      changed.closeUnsafe()
      yield* Effect.raceFirst(hear(since), changed.await)
    }
  })

  return {
    load,
    run,
    once,
    listen,
    trigger,
    drain: Effect.suspend(() => {
      isClosing = true
      return Effect.asVoid(idle.await)
    }),
    events: Stream.fromPubSub(events),
    nextDue: Effect.sync(roster.nextDue)
  }
})

/** Before relays that refuse are asked again. */
const deaf = Duration.seconds(10)

/** Another process is at it, or nobody knows yet what became of its payment. */
const isOpen = (event: AgentEvent): boolean =>
  event._tag === "Failed" &&
  event.cause.reasons.some(
    (reason) =>
      Cause.isFailReason(reason) &&
      (reason.error instanceof AgentBusy || reason.error instanceof Treasury.PaymentUnknown)
  )
