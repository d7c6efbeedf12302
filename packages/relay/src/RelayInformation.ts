/** What a relay says about itself (NIP-11). */
import type { Fiber } from "effect"
import { Deferred, Effect, Exit, Option, Schema, Stream } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"

const limit = Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0)))

export const RelayInformation = Schema.Struct({
  supported_nips: Schema.optionalKey(Schema.Array(Schema.Unknown)),
  limitation: Schema.optionalKey(
    Schema.Struct({
      /** Bytes of the largest frame that the relay takes. */
      max_message_length: limit,
      /** Open subscriptions of one connection. */
      max_subscriptions: limit,
      /** Filters of one subscription. */
      max_filters: limit,
      /** The largest `limit` of a filter. */
      max_limit: limit
    })
  )
})

export interface RelayInformation extends Schema.Schema.Type<typeof RelayInformation> {}

const maxDocumentBytes = 64 * 1024

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(RelayInformation))

/** The document of a relay, if it has one that makes sense and comes within 2 seconds. */
export const fetch: (url: string) => Effect.Effect<Option.Option<RelayInformation>> =
  Effect.fnUntraced(
    function* (url) {
      const response = yield* HttpClient.get(url.replace(/^ws/, "http"), {
        headers: { accept: "application/nostr+json" }
      })
      const body = Stream.limitBytes(response.stream, maxDocumentBytes, () => Stream.empty)
      const document = yield* Stream.mkString(Stream.decodeText(body))
      return decode(document)
    },
    Effect.timeout("2 seconds"),
    Effect.orElseSucceed(() => Option.none<RelayInformation>()),
    Effect.provide(FetchHttpClient.layer),
    // A relay does not get to choose what else we fetch.
    Effect.provideService(FetchHttpClient.RequestInit, { redirect: "error" })
  )

/** What a relay takes, as far as it says so. */
export interface Limits {
  readonly maxSubscriptions?: number | undefined
  readonly maxFilters?: number | undefined
  readonly maxLimit?: number | undefined
}

/** The limits of one relay, learnt from its document. */
export interface Learner {
  /** Asks in the background, once; again only if the relay was down and had nothing to say. */
  readonly learn: () => void
  /** The largest frame in bytes. Asks if need be, and waits for the answer: at most 2 seconds. */
  readonly maxFrameBytes: Effect.Effect<Option.Option<number>>
  /** The others, as far as they are known by now. */
  readonly limits: () => Limits
}

export const learner = (options: {
  readonly url: string
  readonly isUp: () => boolean
  readonly fork: <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>
}): Learner => {
  let answer: Deferred.Deferred<Option.Option<number>> | undefined
  let limits: Limits = {}

  const ask = (): Deferred.Deferred<Option.Option<number>> => {
    if (answer !== undefined) return answer
    const asked = Deferred.makeUnsafe<Option.Option<number>>()
    answer = asked
    options.fork(fetch(options.url)).addObserver((exit) => {
      const information = Exit.isSuccess(exit) ? exit.value : Option.none()
      const told = Option.getOrUndefined(information)?.limitation
      const limit = Option.fromUndefinedOr(told?.max_message_length)
      if (told !== undefined)
        limits = {
          maxSubscriptions: told.max_subscriptions,
          maxFilters: told.max_filters,
          maxLimit: told.max_limit
        }
      if (Option.isNone(limit) && !options.isUp()) answer = undefined
      Deferred.doneUnsafe(asked, Effect.succeed(limit))
    })
    return asked
  }

  return {
    learn: () => void ask(),
    limits: () => limits,
    maxFrameBytes: Effect.suspend(() => Deferred.await(ask()))
  }
}
