/** What a relay says about itself (NIP-11). */
import type { Fiber } from "effect"
import { Deferred, Effect, Exit, Option, Schema, Stream } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"

export const RelayInformation = Schema.Struct({
  limitation: Schema.optionalKey(
    Schema.Struct({
      /** Bytes of the largest frame that the relay takes. */
      max_message_length: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0)))
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

/** The largest frame that a relay takes, in bytes, as far as it says so. */
export interface FrameLimit {
  /** Asks in the background, once; again only if the relay was down and had nothing to say. */
  readonly learn: () => void
  /** Asks if need be, and waits for the answer: at most 2 seconds. */
  readonly value: Effect.Effect<Option.Option<number>>
}

export const frameLimit = (options: {
  readonly url: string
  readonly isUp: () => boolean
  readonly fork: <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>
}): FrameLimit => {
  let answer: Deferred.Deferred<Option.Option<number>> | undefined

  const ask = (): Deferred.Deferred<Option.Option<number>> => {
    if (answer !== undefined) return answer
    const asked = Deferred.makeUnsafe<Option.Option<number>>()
    answer = asked
    const learning = Effect.map(
      fetch(options.url),
      Option.flatMapNullishOr((it) => it.limitation?.max_message_length)
    )
    options.fork(learning).addObserver((exit) => {
      const limit = Exit.isSuccess(exit) ? exit.value : Option.none()
      if (Option.isNone(limit) && !options.isUp()) answer = undefined
      Deferred.doneUnsafe(asked, Effect.succeed(limit))
    })
    return asked
  }

  return {
    learn: () => void ask(),
    value: Effect.suspend(() => Deferred.await(ask()))
  }
}
