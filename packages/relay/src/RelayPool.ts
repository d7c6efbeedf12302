/** The relays as one: a connection each, one verifier for all. */
import type { Filter } from "@farthing/protocol"
import { NostrEvent } from "@farthing/protocol"
import type { Scope } from "effect"
import { Cause, Clock, Effect, FiberSet, Stream } from "effect"
import * as IgnoredFrames from "./IgnoredFrames.ts"
import * as Metrics from "./Metrics.ts"
import * as Publication from "./Publication.ts"
import type { Options, Shape } from "./Relay.ts"
import * as RelayConnection from "./RelayConnection.ts"
import { RelayError, TooLarge } from "./RelayError.ts"
import type * as RelayInformation from "./RelayInformation.ts"
import * as Subscription from "./Subscription.ts"
import * as Verifier from "./Verifier.ts"

/** What common relays take, with room to spare; relays refuse more than 65,536. */
const defaultMaxEventBytes = 48_000

/** A frame up to this size is sent before the relay's limits are known; a smaller limit is no limit. */
const alwaysTakenBytes = 1_024

/** `["EVENT",…]` around an event. */
const envelopeBytes = 10

export const make: (options: Options) => Effect.Effect<Shape, never, Scope.Scope> =
  Effect.fnUntraced(function* (options) {
    const urls = [...new Set(options.urls)]
    const quorum = options.quorum ?? 1
    const publishTimeout = options.publishTimeout ?? "10 seconds"
    const storedTimeout = options.storedTimeout ?? "5 seconds"
    const clock = yield* Clock.Clock
    const ignored = IgnoredFrames.counter(yield* Effect.context())
    const fork = yield* FiberSet.makeRuntime()
    const verifier = Verifier.make(options.verify)
    const subscriptions = new Set<Subscription.Subscription>()

    const connections = yield* Effect.forEach(urls, (url) =>
      RelayConnection.make({
        url,
        signer: options.signer,
        connectTimeout: options.connectTimeout ?? "15 seconds",
        heartbeat: options.heartbeat ?? "5 seconds",
        maxFrameBytes: options.maxFrameBytes ?? 512 * 1024,
        ignored
      })
    )
    yield* Effect.forEach(connections, Metrics.showConnection, { discard: true })
    let closed = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        for (const subscription of subscriptions) subscription.close()
      })
    )

    /** The quickest one first: the others are sent to while it is at work. */
    let inOrder: ReadonlyArray<RelayConnection.RelayConnection> = connections

    const prefer = (quickest: string): void => {
      if (inOrder[0]?.url === quickest) return
      inOrder = inOrder.toSorted((a, b) => Number(b.url === quickest) - Number(a.url === quickest))
    }

    const publish: Shape["publish"] = Effect.fn("Relay.publish")(function* (event, settings) {
      const frame = `["EVENT",${JSON.stringify(event)}]`
      const bytes = Buffer.byteLength(frame)
      const limits: Array<number> = []
      const takers =
        bytes <= alwaysTakenBytes
          ? inOrder
          : inOrder.map((it) => sparing(it, bytes, (limit) => limits.push(limit)))
      verifier.vouch(event)
      return yield* Publication.run({
        event,
        frame,
        quorum: settings?.quorum ?? quorum,
        timeout: settings?.timeout ?? publishTimeout,
        connections: takers,
        fork
      }).pipe(
        Effect.tap(({ outcomes }) =>
          Effect.sync(() => {
            const first = outcomes.find(({ _tag }) => _tag === "Accepted")
            if (first !== undefined) prefer(first.url)
          })
        ),
        Effect.mapError((error) =>
          limits.length > 0 && limits.length === connections.length
            ? new RelayError({ reason: new TooLarge({ bytes, limit: Math.max(...limits) }) })
            : error
        )
      )
    })

    const open = (
      filters: ReadonlyArray<Filter.Filter>,
      settings: Pick<
        Subscription.Options,
        "complete" | "isKnown" | "onRelayStored" | "onStored" | "since" | "storedTimeout"
      >
    ): Stream.Stream<NostrEvent.NostrEvent, RelayError> =>
      Stream.unwrap(
        Effect.gen(function* () {
          const subscription = yield* Effect.acquireRelease(
            Effect.sync(() => {
              const opened = Subscription.make({
                filters,
                connections,
                verifier,
                ignored,
                clock,
                bufferSize: options.bufferSize ?? 4_096,
                onOutOfReach: (url, second) => void fork(outOfReach(url, second)),
                ...settings
              })
              subscriptions.add(opened)
              if (closed) opened.close()
              return opened
            }),
            (opened) =>
              Effect.sync(() => {
                subscriptions.delete(opened)
                opened.close()
              })
          )
          yield* Effect.forkScoped(subscription.watch)
          return Stream.fromPull(Effect.succeed(subscription.pull))
        })
      )

    return {
      urls,
      connected: Effect.sync(() =>
        connections.filter((connection) => connection.isUp()).map(({ url }) => url)
      ),
      maxEventBytes: Effect.map(
        Effect.forEach(connections, learntLimits, { concurrency: "unbounded" }),
        (limits) =>
          Math.min(
            defaultMaxEventBytes,
            ...limits
              .map(({ maxFrameBytes = Infinity }) => maxFrameBytes)
              .filter((limit) => limit >= alwaysTakenBytes)
              .map((limit) => limit - envelopeBytes)
          )
      ),
      publish,
      subscribe: (filters, settings) =>
        open(filters, {
          ...settings,
          onStored: settings?.onStored ?? Effect.void,
          complete: false,
          storedTimeout
        }),
      query: Effect.fn("Relay.query")(function* (filters, settings) {
        const events = yield* Stream.runCollect(
          open(filters, {
            onStored: Cause.done(),
            complete: true,
            storedTimeout: settings?.timeout ?? storedTimeout
          })
        )
        return events.toSorted(NostrEvent.newestFirst)
      }),
      difference: (url, filter, held) =>
        connections.find((connection) => connection.url === url)?.difference(filter, held) ??
        Effect.succeedNone
    }
  })

const outOfReach = (url: string, second: number) =>
  Effect.logWarning(
    `${url} has more events of the second ${second} than it sends; some are missing`
  )

const learntLimits = ({ onceInformed }: RelayConnection.RelayConnection) =>
  Effect.callback<RelayInformation.Limits>((resume) =>
    onceInformed((limits) => resume(Effect.succeed(limits)))
  )

/**
 * A relay that is not sent what it does not take. One of which nobody knows yet what it takes is
 * waited for, and keeps nobody else waiting.
 */
const sparing = (
  connection: RelayConnection.RelayConnection,
  bytes: number,
  onTooLarge: (limit: number) => void
): Pick<RelayConnection.RelayConnection, "url" | "trouble" | "publish"> => ({
  url: connection.url,
  trouble: connection.trouble,
  publish: (publication) => {
    const unlessTooLarge = ({ maxFrameBytes = Infinity }: RelayInformation.Limits) => {
      if (bytes <= maxFrameBytes) return connection.publish(publication)
      const message = `takes at most ${maxFrameBytes} bytes, the event needs ${bytes}`
      onTooLarge(maxFrameBytes)
      publication.onOutcome({ _tag: "Rejected", url: connection.url, message })
      return () => {}
    }
    const known = connection.limits()
    if (known !== undefined) return unlessTooLarge(known)
    let withdraw = (): void => {
      withdrawn = true
    }
    let withdrawn = false
    connection.onceInformed((limits) => {
      if (!withdrawn) withdraw = unlessTooLarge(limits)
    })
    return () => withdraw()
  }
})
