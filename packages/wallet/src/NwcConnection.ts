/**
 * The line to a wallet that speaks Nostr Wallet Connect (NIP-47): requests go out, answers find
 * the request they belong to, notifications come in. It knows nothing of what is asked.
 */
import type { Key, NostrEvent } from "@farthing/protocol"
import { Nip47, Nip47Event, NwcUri } from "@farthing/protocol"
import { Relay, Signer, UnixTime } from "@farthing/relay"
import {
  Deferred,
  Duration,
  Effect,
  Latch,
  Option,
  PubSub,
  Result,
  Schedule,
  Schema,
  Stream
} from "effect"
import type { Scope } from "effect"

export interface Options {
  readonly uri: NwcUri.NwcUri
  readonly relay: Relay.Shape
  readonly signer: Signer.Shape
}

export interface Terms {
  /** Unix seconds: a wallet that reads the request later must not act on it. */
  readonly expiresAt: number
  /** How long to wait for the answer. */
  readonly timeout: Duration.Input
  /** Then only the delivery has to be in time; the answer may come whenever it comes. */
  readonly patient?: boolean
}

export type RequestOf<M extends Nip47.Method> = Extract<Nip47.Request, { readonly method: M }>

export interface NwcConnection {
  /** What the wallet says of itself in public; none while it cannot be read. */
  readonly capabilities: Effect.Effect<Option.Option<Nip47Event.Capabilities>>
  /** Sends one request, once, and returns what the wallet answered to it. */
  readonly ask: <M extends Nip47.Method>(
    request: RequestOf<M>,
    terms: Terms
  ) => Effect.Effect<Nip47.ResultOf<M>, AskError>
  /** From the moment of subscription on. */
  readonly notifications: Stream.Stream<Nip47.Notification>
}

export type AskError = NotDelivered | NoAnswer | Refused | NotUnderstood

/** How far the clocks of two machines may be apart, in seconds. */
const clockMargin = 600

/**
 * The part of the time for an answer in which a relay has to be reached. Less than all of it, so
 * that a caller with the same patience learns that nothing was sent, and need not fear that it was.
 */
const reachShare = 0.5

export const make: (options: Options) => Effect.Effect<NwcConnection, never, Scope.Scope> =
  Effect.fnUntraced(function* ({ relay, signer, uri }) {
    const { wallet } = uri
    const waiting = new Map<string, Deferred.Deferred<NostrEvent.NostrEvent>>()
    const heard = yield* PubSub.unbounded<Nip47.Notification>()
    const listening = yield* Latch.make()

    const receive = (event: NostrEvent.NostrEvent) =>
      event.kind === Nip47Event.responseKind
        ? answer(waiting, event)
        : Effect.flatMap(notificationIn(signer, wallet, event), (found) =>
            Option.isNone(found) ? Effect.void : PubSub.publish(heard, found.value)
          )

    const since = (yield* UnixTime.now) - clockMargin
    yield* relay
      .subscribe([Nip47Event.clientFilter({ wallet, client: signer.publicKey, since })], {
        onStored: listening.open
      })
      .pipe(
        Stream.runForEach(receive),
        Effect.tapError((error) => Effect.logWarning("The wallet cannot be heard", error.message)),
        Effect.ensuring(listening.close),
        Effect.retry(Schedule.spaced("5 seconds")),
        Effect.forkScoped
      )

    const capabilities = yield* publicCapabilities(relay, wallet)

    const prepare = Effect.fnUntraced(function* (request: Nip47.Request, expiresAt: number) {
      const known = yield* capabilities
      if (Option.exists(known, (it) => !it.encryptions.includes(Nip47Event.encryption))) {
        return yield* new NotDelivered({
          reason: "unsupported",
          message: "The wallet does not know NIP-44"
        })
      }
      const createdAt = yield* UnixTime.now
      const content = yield* signer
        .encrypt(wallet, Nip47.stringifyRequest(request))
        .pipe(
          Effect.mapError(({ message }) => new NotDelivered({ reason: "unsupported", message }))
        )
      return yield* signer.sign(Nip47Event.request({ wallet, content, createdAt, expiresAt }))
    })

    /** The relay repeats the same bytes after a reconnection; the id makes them one request. */
    const deliver = (event: NostrEvent.NostrEvent, timeout: Duration.Input) =>
      relay.publish(event, { timeout }).pipe(Effect.mapError(undelivered))

    const exchange = Effect.fnUntraced(function* (
      event: NostrEvent.NostrEvent,
      { patient = false, timeout }: Terms
    ) {
      const answered = yield* Deferred.make<NostrEvent.NostrEvent>()
      waiting.set(event.id, answered)
      const answer = Deferred.await(answered).pipe(
        Effect.raceFirst(Effect.andThen(deliver(event, timeout), Effect.never))
      )
      return yield* (patient ? answer : inTime(answer, timeout)).pipe(
        Effect.ensuring(Effect.sync(() => waiting.delete(event.id)))
      )
    })

    return {
      capabilities,
      notifications: Stream.fromPubSub(heard),
      ask: Effect.fnUntraced(function* <M extends Nip47.Method>(
        request: RequestOf<M>,
        terms: Terms
      ) {
        const { expiresAt, timeout } = terms
        const event = yield* Effect.andThen(listening.await, prepare(request, expiresAt)).pipe(
          Effect.timeoutOrElse({
            duration: Duration.times(Duration.fromInputUnsafe(timeout), reachShare),
            orElse: () =>
              new NotDelivered({
                reason: "unreachable",
                message: "No relay of the wallet can be reached"
              })
          })
        )
        const answer = yield* exchange(event, terms)
        return yield* understand<M>(signer, request.method, answer)
      })
    }
  })

const answer = (
  waiting: ReadonlyMap<string, Deferred.Deferred<NostrEvent.NostrEvent>>,
  event: NostrEvent.NostrEvent
) =>
  Effect.suspend(() => {
    const asked = event.tags.find((tag) => tag[0] === "e")?.[1]
    const deferred = asked === undefined ? undefined : waiting.get(asked)
    return deferred === undefined ? Effect.void : Deferred.succeed(deferred, event)
  })

const inTime = <A, E>(answer: Effect.Effect<A, E>, timeout: Duration.Input) =>
  Effect.timeoutOrElse(answer, {
    duration: timeout,
    orElse: () => new NoAnswer({ message: "The wallet did not answer in time" })
  })

const notificationIn = (
  signer: Signer.Shape,
  wallet: Key.PublicKey,
  event: NostrEvent.NostrEvent
) =>
  signer.decrypt(wallet, event.content).pipe(
    Effect.map(Nip47.parseNotification),
    Effect.orElseSucceed(() => Option.none<Nip47.Notification>())
  )

const understand = Effect.fnUntraced(function* <M extends Nip47.Method>(
  signer: Signer.Shape,
  method: M,
  event: NostrEvent.NostrEvent
): Effect.fn.Return<Nip47.ResultOf<M>, Refused | NotUnderstood> {
  const content = yield* signer
    .decrypt(event.pubkey, event.content)
    .pipe(Effect.mapError(({ message }) => new NotUnderstood({ message })))
  const outcome = Nip47.parseResponse<M>(method, content)
  if (Option.isNone(outcome)) {
    return yield* new NotUnderstood({ message: `The answer to ${method} makes no sense` })
  }
  return yield* Effect.fromResult(Result.mapError(outcome.value, (it) => new Refused(it)))
})

/** Read once; what could not be read is read again when it is next wanted. */
const publicCapabilities = (relay: Relay.Shape, wallet: Key.PublicKey) =>
  Effect.sync(() => {
    let read = false
    let known = Option.none<Nip47Event.Capabilities>()
    const query = relay.query([{ kinds: [Nip47Event.infoKind], authors: [wallet], limit: 1 }]).pipe(
      Effect.tap(([event]) =>
        Effect.sync(() => {
          read = true
          known = Option.map(Option.fromUndefinedOr(event), Nip47Event.capabilitiesOf)
        })
      ),
      Effect.ignore
    )
    return Effect.suspend(() => (read ? Effect.void : query)).pipe(Effect.map(() => known))
  })

/**
 * A relay's no proves nothing: it may have passed the request on all the same, or do so later.
 * Only what was too large for every relay was never sent.
 */
const undelivered = ({ message, reason }: Relay.RelayError) =>
  reason._tag === "TooLarge"
    ? new NotDelivered({ reason: "unreachable", message })
    : new NoAnswer({ message })

/** The request reached nobody and never will: no relay was there to take it, or the wallet could not read it. */
export class NotDelivered extends Schema.TaggedError<NotDelivered>()("NotDelivered", {
  reason: Schema.Literals(["unreachable", "unsupported"]),
  message: Schema.String
}) {}

/** The wallet may have read the request, and may have acted on it. */
export class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", {
  message: Schema.String
}) {}

/** The wallet's refusal, in its own words. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  code: Schema.String,
  message: Schema.String
}) {}

/** The wallet answered something that is no answer to the request. */
export class NotUnderstood extends Schema.TaggedError<NotUnderstood>()("NotUnderstood", {
  message: Schema.String
}) {}
