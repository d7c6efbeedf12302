/**
 * Whether the worker can do its work right now. Each part is looked at again and again, by asking it,
 * so that what is said here was true a few seconds ago: the relays answer; where it sells, they show
 * our announcement, the wallet answers, a backend has something to sell; where it has agents, not all
 * of them fail. That some do is no reason: the others go on.
 */
import { Announcement, Text } from "@farthing/protocol"
import { type ComputeProvider, InferenceBackend } from "@farthing/provider"
import { Relay, Signer, UnixTime } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import {
  Clock,
  Context,
  Duration,
  Effect,
  Layer,
  Option,
  Result,
  Schema,
  Stream,
  SubscriptionRef
} from "effect"
import { Config } from "farthing"
import type * as Fleet from "./Fleet.ts"
import * as Metrics from "./Metrics.ts"

const sellersParts = ["wallet", "backend", "announced"] as const
export type Part = "relay" | "agents" | (typeof sellersParts)[number]

export interface State {
  /** Why it is not ready; none if it is. */
  readonly reason: Option.Option<string>
  /** Unix milliseconds. */
  readonly since: number
}

export interface Report {
  /** Whether every part is, and nobody has told the worker to stop. */
  readonly ready: boolean
  readonly stopping: boolean
  /** Of what this worker does; the others are not there. */
  readonly parts: { readonly [part: string]: State }
}

export interface Shape {
  readonly report: Effect.Effect<Report>
  /** Waits for a part. */
  readonly until: (part: Part) => Effect.Effect<void>
  /** From now on it is this provider that is announced. */
  readonly sells: (provider: ComputeProvider.Shape) => Effect.Effect<void>
  /** From now on it is these agents that are looked after. */
  readonly tends: (fleet: Fleet.Shape) => Effect.Effect<void>
  /** From now on it is not ready, whatever its parts are. */
  readonly stops: Effect.Effect<void>
}

export class Readiness extends Context.Service<Readiness, Shape>()("@farthing/worker/Readiness") {}

/** How often a part is looked at that is ready; one that is not is looked at sooner. */
export const Pace = Context.Reference<Duration.Duration>("@farthing/worker/Readiness/Pace", {
  defaultValue: () => Duration.seconds(5)
})
const sooner = Duration.seconds(1)

/** A part that takes longer to answer is not ready. */
const patience = Duration.seconds(10)

/** Looks until the scope closes. */
const make = Effect.gen(function* () {
  const every = yield* Pace
  const { agents, relays, worker } = yield* Config.Config
  const relay = yield* Relay.Relay
  const wallet = yield* Wallet.Wallet
  const backend = yield* InferenceBackend.InferenceBackend
  const { publicKey } = yield* Signer.Signer
  const unknown: State = {
    reason: Option.some("not looked at yet"),
    since: yield* Clock.currentTimeMillis
  }
  const scope = yield* Effect.scope
  /** What the provider has announced last. */
  let presence: "unopened" | "present" | "absent" = "unopened"
  /** Whether customers can see that. */
  let isShown = false
  let fleet = Option.none<Fleet.Shape>()
  const parts: ReadonlyArray<Part> = [
    "relay",
    ...(worker.sells ? sellersParts : []),
    ...(agents.length > 0 ? (["agents"] as const) : [])
  ]
  const seen = yield* SubscriptionRef.make<Report>({
    ready: false,
    stopping: false,
    parts: Object.fromEntries(parts.map((part) => [part, unknown]))
  })

  const update = (change: (report: Report) => Omit<Report, "ready">) =>
    Effect.flatMap(
      SubscriptionRef.updateAndGet(seen, (report) => withVerdict(change(report))),
      Metrics.tellReadiness
    )

  const found = Effect.fnUntraced(function* (part: Part, fault: Option.Option<string>) {
    const reason = Option.map(fault, (text) => Text.printable(text))
    const before = (yield* SubscriptionRef.get(seen)).parts[part]
    if (before === undefined) return
    const isAnother = Option.isSome(before.reason) !== Option.isSome(reason)
    const since = isAnother ? yield* Clock.currentTimeMillis : before.since
    yield* update((report) => withPart(report, part, { reason, since }))
    if (isAnother || before === unknown) yield* logOf(part, reason)
  })

  /** Looks at a part, and tells how it is; the answer is whether it is ready. */
  const lookAt = (part: Part, look: Effect.Effect<unknown, { readonly message: string }>) =>
    look.pipe(
      // A look that ends for good would leave behind what it saw last.
      Effect.catchDefect((defect) => Effect.fail(notReady(`a bug: ${String(defect)}`))),
      Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(noAnswer) }),
      Effect.match({ onFailure: ({ message }) => Option.some(message), onSuccess: Option.none }),
      Effect.tap((fault) => found(part, fault)),
      Effect.map(Option.isNone)
    )

  const again = (look: Effect.Effect<boolean>) =>
    look.pipe(
      Effect.flatMap((isReady) => Effect.sleep(isReady ? every : Duration.min(every, sooner))),
      Effect.forever,
      Effect.forkScoped
    )

  /** What a customer would find there: whether the relays answer, and show the announcement. */
  const relayAnswers = Effect.gen(function* () {
    const now = yield* UnixTime.now
    const ours = { kinds: [Announcement.kind], authors: [publicKey] }
    const events = yield* relay
      .query([ours], { timeout: patience })
      .pipe(Effect.onError(() => Effect.sync(() => (isShown = false))))
    isShown = events
      .map((event) => Announcement.fromEvent(event, now))
      .some((announced) => Result.isSuccess(announced) && announced.success.online)
    const connected = yield* relay.connected
    if (connected.length < relays.publishQuorum)
      return yield* notReady(
        `${connected.length} of ${relays.urls.length} relays are connected, ${relays.publishQuorum} have to be`
      )
  })

  const backendSells = Effect.gen(function* () {
    if ((yield* backend.models).length === 0) return yield* notReady("it has no models")
  })

  const isAnnounced = Effect.gen(function* () {
    if (presence === "unopened") return yield* notReady("nothing is sold yet")
    if (presence === "absent") return yield* notReady("announced as absent")
    if (!isShown) return yield* notReady("no relay shows the announcement")
  })

  const agentsLive = Effect.gen(function* () {
    if (Option.isNone(fleet)) return yield* notReady("they have not begun yet")
    const { absent, failing, ...others } = yield* fleet.value.counts
    const well = Object.values(others).reduce((sum, many) => sum + many, 0)
    if (well === 0 && absent + failing > 0) return yield* notReady("every one of them fails")
  })

  if (agents.length > 0) yield* again(lookAt("agents", agentsLive))
  if (worker.sells) {
    yield* again(lookAt("wallet", wallet.info))
    yield* again(lookAt("backend", backendSells))
  }
  yield* again(
    Effect.zipWith(
      lookAt("relay", relayAnswers),
      worker.sells ? lookAt("announced", isAnnounced) : Effect.succeed(true),
      (answers, announced) => answers && announced
    )
  )

  return Readiness.of({
    report: SubscriptionRef.get(seen),
    until: (part) =>
      SubscriptionRef.changes(seen).pipe(
        Stream.takeUntil(({ parts }) => isReady(parts[part])),
        Stream.runDrain
      ),
    sells: ({ events }) =>
      Stream.runForEach(events, ({ _tag }) =>
        Effect.sync(() => {
          if (_tag === "Online" || _tag === "Offline")
            presence = _tag === "Online" ? "present" : "absent"
        })
      ).pipe(Effect.forkIn(scope), Effect.asVoid),
    tends: (tended) => Effect.sync(() => (fleet = Option.some(tended))),
    stops: update((report) => ({ ...report, stopping: true }))
  })
})

export const layer = Layer.effect(Readiness, make)

const logOf = (part: Part, fault: Option.Option<string>) =>
  Option.match(fault, {
    onNone: () => Effect.logInfo(`${part} is ready`),
    onSome: (reason) => Effect.annotateLogs(Effect.logWarning(`${part} is not ready`), { reason })
  })

const withPart = (report: Report, part: Part, state: State): Omit<Report, "ready"> => ({
  stopping: report.stopping,
  parts: { ...report.parts, [part]: state }
})

const withVerdict = (report: Omit<Report, "ready">): Report => ({
  ...report,
  ready: !report.stopping && Object.values(report.parts).every(isReady)
})

/** What this worker does not do keeps nobody from anything. */
const isReady = (state: State | undefined): boolean =>
  state === undefined || Option.isNone(state.reason)

/** What a part answered is not enough. */
class NotReady extends Schema.TaggedError<NotReady>()("NotReady", { message: Schema.String }) {}

const notReady = (message: string) => new NotReady({ message })
const noAnswer = notReady("no answer in time")
