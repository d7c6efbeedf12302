/** What a relay says about itself (NIP-11). */
import { Effect, Option, Schema, Stream } from "effect"
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
