/**
 * One relay: dialled when somebody needs it, dialled again when it goes away, shared by all
 * subscriptions and publications. What stands open is asked and sent again after every dial.
 *
 * Frames are handled by plain functions: an Effect for each would cost more than the frame.
 */
import type { Filter } from "@farthing/protocol"
import { Text } from "@farthing/protocol"
import type { Duration, Scope } from "effect"
import { Deferred, Effect, FiberSet, Latch, Option, Random } from "effect"
import type { RawData, WebSocket } from "ws"
import * as Authentication from "./Authentication.ts"
import type * as IgnoredFrames from "./IgnoredFrames.ts"
import type { Outcome } from "./Relay.ts"
import * as RelayInformation from "./RelayInformation.ts"
import * as RelayMessage from "./RelayMessage.ts"
import { RelaySocket } from "./RelaySocket.ts"
import type * as Signer from "./Signer.ts"

/** What becomes of a request for events at this relay. */
export interface Listener {
  /** The relay is about to be asked, for the first time or again: what for? */
  readonly onAsk: () => ReadonlyArray<Filter.Filter>
  readonly onEvent: (event: unknown, bytes: number) => void
  readonly onStored: () => void
  readonly onRefused: (message: string) => void
  /** An attempt to dial failed; more will follow. */
  readonly onUnreachable: () => void
}

export interface Listening {
  /** Tells the relay to send no more, until `resume` asks again. */
  readonly pause: () => void
  readonly resume: () => void
  readonly close: () => void
}

export interface Publication {
  readonly id: string
  readonly frame: string
  readonly onOutcome: (outcome: Outcome) => void
}

export interface RelayConnection {
  readonly url: string
  /** The largest frame that the relay takes, once it is known whether it says so. */
  readonly maxFrameBytes: Effect.Effect<Option.Option<number>>
  readonly listen: (listener: Listener) => Listening
  /** Sends the same bytes after every dial, until the relay answers or the result is called. */
  readonly publish: (publication: Publication) => () => void
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

interface Request {
  readonly listener: Listener
  /** The subscription id of the running REQ: a new one each time, so that late frames of the one before are told apart. */
  id: string | undefined
  paused: boolean
  authenticated: boolean
}

interface Sending {
  readonly frame: string
  readonly listeners: Set<(outcome: Outcome) => void>
  authenticated: boolean
}

export const make: (options: Options) => Effect.Effect<RelayConnection, never, Scope.Scope> =
  Effect.fnUntraced(function* (options) {
    const { ignored, url } = options
    const openSocket = yield* RelaySocket
    const fork = yield* FiberSet.makeRuntime()
    const wanted = yield* Latch.make(false)
    const requests = new Set<Request>()
    const running = new Map<string, Request>()
    const publications = new Map<string, Sending>()
    let socket: WebSocket | undefined
    let unreachable = false
    let trouble = "no answer in time"
    let answered = false
    let alive = false
    let counter = 0

    const send = (frame: string): void => socket?.send(frame)
    const authentication = Authentication.make({ url, signer: options.signer, send, fork })

    const ask = (request: Request): void => {
      if (socket === undefined || request.paused || !requests.has(request)) return
      request.id = (counter++).toString(36)
      running.set(request.id, request)
      send(JSON.stringify(["REQ", request.id, ...request.listener.onAsk()]))
    }

    const withdraw = (request: Request): void => {
      if (request.id !== undefined && running.delete(request.id))
        send(JSON.stringify(["CLOSE", request.id]))
    }

    const settle = (id: string, outcome: Outcome): void => {
      const sending = publications.get(id)
      publications.delete(id)
      for (const tell of sending?.listeners ?? []) tell(outcome)
    }

    const onOk = (id: string, accepted: boolean, message: string): void => {
      if (authentication.answered(id, accepted, message)) return
      const sending = publications.get(id)
      if (sending === undefined) return
      if (accepted || RelayMessage.isHeldAlready(message))
        return settle(id, { _tag: "Accepted", url, message })
      if (!RelayMessage.wantsAuthentication(message) || sending.authenticated)
        return settle(id, { _tag: "Rejected", url, message })
      sending.authenticated = true
      authentication.request((ok, why) =>
        ok ? send(sending.frame) : settle(id, { _tag: "Rejected", url, message: why })
      )
    }

    const onClosed = (id: string, message: string): void => {
      const request = running.get(id)
      if (request === undefined) return
      running.delete(id)
      if (!RelayMessage.wantsAuthentication(message) || request.authenticated)
        return request.listener.onRefused(message)
      request.authenticated = true
      authentication.request((ok, why) => (ok ? ask(request) : request.listener.onRefused(why)))
    }

    const onFrame = (data: RawData, isBinary: boolean): void => {
      alive = true
      if (isBinary || !Buffer.isBuffer(data)) return ignored("garbage")
      if (data.length > options.maxFrameBytes) return ignored("size")
      const message = RelayMessage.decode(data.toString())
      if (message === undefined) return ignored("garbage")
      switch (message._tag) {
        case "Event": {
          answered = true
          const request = running.get(message.subscription)
          return request === undefined
            ? ignored("subscription")
            : request.listener.onEvent(message.event, data.length)
        }
        case "Ok":
          answered = true
          return onOk(message.id, message.accepted, message.message)
        case "Stored":
          answered = true
          return running.get(message.subscription)?.listener.onStored()
        case "Closed":
          return onClosed(message.subscription, message.message)
        case "Notice":
          return void fork(Effect.logDebug(`${url} says: ${message.message}`))
        case "Challenge":
          return authentication.challenged(message.challenge)
      }
    }

    const onOpen = (opened: WebSocket): void => {
      socket = opened
      unreachable = false
      trouble = "no answer in time"
      learn()
      for (const request of requests) ask(request)
      for (const sending of publications.values()) send(sending.frame)
    }

    const onGone = (): void => {
      socket = undefined
      running.clear()
      authentication.reset()
      for (const request of requests) request.authenticated = false
      for (const sending of publications.values()) sending.authenticated = false
    }

    const onUnreachable = (why: string): void => {
      unreachable = true
      trouble = Text.printable(why)
      for (const request of requests) request.listener.onUnreachable()
    }

    const dial = Effect.try({
      try: () => {
        const dialled = openSocket(url)
        dialled.on("open", () => onOpen(dialled))
        dialled.on("message", (data, isBinary) => {
          if (socket === dialled) onFrame(data, isBinary)
        })
        dialled.on("pong", () => (alive = true))
        dialled.on("ping", () => (alive = true))
        dialled.on("error", (error) => (trouble = Text.printable(error.message)))
        return dialled
      },
      catch: String
    })

    const hangUp = (dialled: WebSocket) =>
      Effect.sync(() => {
        if (socket === dialled) onGone()
        dialled.close()
        dialled.terminate()
      })

    /** Pings, and ends when nothing came for two pings in a row. */
    const silence = (dialled: WebSocket) =>
      Effect.gen(function* () {
        let unanswered = 0
        while (unanswered < 2) {
          unanswered = alive ? 0 : unanswered + 1
          alive = false
          dialled.ping()
          yield* Effect.sleep(options.heartbeat)
        }
      })

    const session = Effect.gen(function* () {
      const dialled = yield* Effect.acquireRelease(dial, hangUp)
      const isOpen = yield* opening(dialled).pipe(Effect.timeoutOption(options.connectTimeout))
      if (Option.isNone(isOpen)) return onUnreachable("no connection in time")
      if (!isOpen.value) return onUnreachable(trouble)
      alive = true
      yield* Effect.raceFirst(closing(dialled), silence(dialled))
    }).pipe(
      Effect.scoped,
      Effect.catch((error) => Effect.sync(() => onUnreachable(error)))
    )

    const life = Effect.gen(function* () {
      let failures = 0
      while (true) {
        if (requests.size + publications.size === 0) {
          wanted.closeUnsafe()
          yield* wanted.await
        }
        answered = false
        yield* session
        failures = answered ? 0 : failures + 1
        yield* Effect.flatMap(backOff(failures), Effect.sleep)
      }
    })

    let limit: Deferred.Deferred<Option.Option<number>> | undefined

    /** Asks for the relay's limits, once; again only if it was down and had nothing to say. */
    const learn = (): Deferred.Deferred<Option.Option<number>> => {
      if (limit !== undefined) return limit
      const learned = Deferred.makeUnsafe<Option.Option<number>>()
      limit = learned
      fork(
        Effect.map(RelayInformation.fetch(url), (information) => {
          const stated = Option.flatMapNullishOr(
            information,
            ({ limitation }) => limitation?.max_message_length
          )
          if (Option.isNone(stated) && socket === undefined) limit = undefined
          Deferred.doneUnsafe(learned, Effect.succeed(stated))
        })
      )
      return learned
    }

    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const id of publications.keys())
          settle(id, { _tag: "Unreachable", url, message: "the connection was closed" })
      })
    )
    yield* Effect.forkScoped(life)

    return {
      url,
      trouble: () => trouble,
      maxFrameBytes: Effect.suspend(() => Deferred.await(learn())),
      listen: (listener) => {
        const request: Request = { listener, id: undefined, paused: false, authenticated: false }
        requests.add(request)
        wanted.openUnsafe()
        if (unreachable) listener.onUnreachable()
        ask(request)
        return {
          pause: () => {
            request.paused = true
            withdraw(request)
          },
          resume: () => {
            request.paused = false
            ask(request)
          },
          close: () => {
            requests.delete(request)
            withdraw(request)
          }
        }
      },
      publish: ({ frame, id, onOutcome }) => {
        const known = publications.get(id)
        const sending = known ?? { frame, listeners: new Set(), authenticated: false }
        sending.listeners.add(onOutcome)
        if (known === undefined) {
          publications.set(id, sending)
          wanted.openUnsafe()
          send(frame)
        }
        return () => {
          sending.listeners.delete(onOutcome)
          if (sending.listeners.size === 0 && publications.get(id) === sending)
            publications.delete(id)
        }
      }
    }
  })

/** Half to all of 50 ms, 100 ms, … 1 s; after some minutes of failures, 5 s. */
const backOff = (failures: number): Effect.Effect<Duration.Input> =>
  Effect.map(
    Random.next,
    (random) => Math.min(failures > 120 ? 5_000 : 1_000, 50 * 2 ** failures) * (0.5 + random / 2)
  )

/** Whether the connection came about. */
const opening = (socket: WebSocket): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    if (socket.readyState !== socket.CONNECTING)
      return resume(Effect.succeed(socket.readyState === socket.OPEN))
    socket.once("open", () => resume(Effect.succeed(true)))
    socket.once("close", () => resume(Effect.succeed(false)))
  })

const closing = (socket: WebSocket): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (socket.readyState === socket.CLOSED) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
  })
