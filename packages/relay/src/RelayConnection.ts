/**
 * One relay: dialled when somebody needs it, dialled again when it goes away, shared by all
 * inquiries and publications. What stands open is asked and sent again after every dial.
 *
 * Frames are handled by plain functions: an Effect for each would cost more than the frame.
 */
import { Text } from "@farthing/protocol"
import type { Scope } from "effect"
import { Clock, Duration, Effect, FiberSet, Latch, Random } from "effect"
import type { RawData, WebSocket } from "ws"
import * as Authentication from "./Authentication.ts"
import type * as IgnoredFrames from "./IgnoredFrames.ts"
import * as Inquiries from "./Inquiries.ts"
import * as Outbox from "./Outbox.ts"
import * as RelayInformation from "./RelayInformation.ts"
import * as Reconciliation from "./Reconciliation.ts"
import * as RelayMessage from "./RelayMessage.ts"
import * as RelaySocket from "./RelaySocket.ts"
import type * as Signer from "./Signer.ts"

export interface RelayConnection {
  readonly url: string
  readonly isUp: () => boolean
  /** What the relay takes; undefined as long as it is not known whether it says anything. */
  readonly limits: () => RelayInformation.Limits | undefined
  /** Calls once that is known: at most 2 seconds later. */
  readonly onceInformed: RelayInformation.Learner["onceKnown"]
  readonly ask: (listener: Inquiries.Listener) => Inquiries.Inquiry
  /** Sends the same bytes after every dial, until there is an outcome or the result is called. */
  readonly publish: (publication: Outbox.Publication) => () => void
  /** The ids of what it has and we have not, if it says so; only while the connection stands. */
  readonly difference: Reconciliation.Reconciliation["difference"]
  /** Why there is no answer. */
  readonly trouble: () => string
}

export interface Options {
  readonly url: string
  readonly signer: Signer.Shape | undefined
  readonly connectTimeout: Duration.Input
  readonly heartbeat: Duration.Input
  readonly maxFrameBytes: number
  readonly ignored: IgnoredFrames.Count
}

const noAnswer = "no answer in time"

/** A connection that lasts shorter is one of a relay that hangs up on us. */
const steady = Duration.seconds(10)

/** A relay that answers and hangs up, again and again, is soon dialled every 200 to 400 ms. */
const mostFlaps = 3

export const make: (options: Options) => Effect.Effect<RelayConnection, never, Scope.Scope> =
  Effect.fnUntraced(function* (options) {
    const { ignored, url } = options
    const clock = yield* Clock.Clock
    const openSocket = yield* RelaySocket.RelaySocket
    const fork = yield* FiberSet.makeRuntime()
    const wanted = yield* Latch.make(false)
    let socket: WebSocket | undefined
    /** Why the last attempt to dial failed. */
    let unreachable: string | undefined
    /** Whether the relay has answered anything since it was dialled. */
    let answered = false

    const isUp = (): boolean => socket !== undefined
    const send = (frame: string): void => socket?.send(frame)
    const authentication = Authentication.make({ url, signer: options.signer, send, fork })
    const information = RelayInformation.learner({ url, isUp, fork })
    const inquiries = Inquiries.make({
      isUp,
      send,
      authentication,
      fork,
      millis: () => clock.currentTimeMillisUnsafe(),
      room: () => information.limits()?.maxSubscriptions ?? Number.POSITIVE_INFINITY
    })
    const reconciliation = Reconciliation.make({
      onceInformed: information.onceKnown,
      isUp,
      send
    })
    const outbox = Outbox.make({ url, isUp, send, authentication, fork, ask: inquiries.add })

    const onFrame = (data: RawData, isBinary: boolean): void => {
      if (isBinary || !Buffer.isBuffer(data)) return ignored("garbage")
      if (data.length > options.maxFrameBytes) return ignored("size")
      const text = data.toString()
      const glance = RelayMessage.glance(text)
      if (glance !== undefined) {
        answered = true
        const listener = inquiries.running(glance.subscription)
        if (listener === undefined) return ignored("subscription")
        if (listener.onCopy(glance)) return
      }
      const message = RelayMessage.decode(text)
      if (message === undefined) return ignored("garbage")
      switch (message._tag) {
        case "Event": {
          answered = true
          const listener = inquiries.running(message.subscription)
          if (listener === undefined) return ignored("subscription")
          return listener.onEvent(message.event, data.length)
        }
        case "Stored":
          answered = true
          return inquiries.stored(message.subscription)
        case "Ok":
          answered = true
          return authentication.answered(message.id, message.accepted, message.message)
            ? undefined
            : outbox.answered(message.id, message.accepted, message.message)
        case "Closed":
          return inquiries.refused(message.subscription, message.message)
        case "Notice":
          inquiries.noticed(message.message)
          return void fork(Effect.logDebug(`${url} says: ${message.message}`))
        case "Challenge":
          return authentication.challenged(message.challenge)
        case "Reconciling":
          return reconciliation.heard(message.subscription, message.message)
        case "NotReconciling":
          return reconciliation.refused(message.subscription)
      }
    }

    const onOpen = (opened: WebSocket): void => {
      socket = opened
      unreachable = undefined
      information.learn()
      inquiries.askAll()
      outbox.resend()
    }

    const onGone = (): void => {
      socket = undefined
      authentication.reset()
      inquiries.reset()
      reconciliation.reset()
    }

    const onUnreachable = (why: string) =>
      Effect.suspend(() => {
        unreachable = Text.printable(why)
        inquiries.unreachable()
        return Effect.logDebug(`${url} cannot be reached: ${unreachable}`)
      })

    const dial = Effect.try({
      try: () => {
        const dialled = openSocket(url)
        dialled.on("open", () => onOpen(dialled))
        dialled.on("message", (data, isBinary) => {
          if (socket === dialled) onFrame(data, isBinary)
        })
        // Its close follows, and says the same; an error without a listener would be thrown.
        dialled.on("error", () => {})
        return dialled
      },
      catch: String
    })

    const session = Effect.gen(function* () {
      const dialled = yield* Effect.acquireRelease(dial, (dialled) =>
        Effect.andThen(Effect.sync(onGone), RelaySocket.hangUp(dialled))
      )
      yield* RelaySocket.opened(dialled, options.connectTimeout)
      yield* Effect.raceFirst(
        RelaySocket.closed(dialled),
        RelaySocket.silent(dialled, options.heartbeat)
      )
    }).pipe(Effect.scoped, Effect.catch(onUnreachable))

    const life = Effect.gen(function* () {
      let failures = 0
      let flaps = 0
      while (true) {
        if (inquiries.isEmpty() && outbox.isEmpty()) {
          wanted.closeUnsafe()
          yield* wanted.await
        }
        answered = false
        const [lasted] = yield* Effect.timed(session)
        failures = answered ? 0 : failures + 1
        flaps = Duration.isLessThan(lasted, steady) ? flaps + 1 : 0
        yield* Effect.sleep(
          yield* backOff(answered ? Math.min(Math.max(flaps - 1, 0), mostFlaps) : failures)
        )
      }
    })

    yield* Effect.addFinalizer(() => Effect.sync(outbox.close))
    yield* Effect.forkScoped(life)

    return {
      url,
      isUp,
      limits: information.limits,
      onceInformed: information.onceKnown,
      difference: reconciliation.difference,
      trouble: () => unreachable ?? noAnswer,
      ask: (listener) => {
        if (unreachable !== undefined) listener.onUnreachable()
        const inquiry = inquiries.add(listener)
        wanted.openUnsafe()
        return inquiry
      },
      publish: (publication) => {
        const withdraw = outbox.add(publication)
        wanted.openUnsafe()
        return withdraw
      }
    }
  })

/** Half to all of 50 ms, 100 ms, … 1 s; after some minutes of failures, 5 s. */
const backOff = (failures: number): Effect.Effect<Duration.Input> =>
  Effect.map(
    Random.next,
    (random) => Math.min(failures > 120 ? 5_000 : 1_000, 50 * 2 ** failures) * (0.5 + random / 2)
  )
