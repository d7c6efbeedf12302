/**
 * Inference by any server that speaks OpenAI's chat completions: Ollama, llama.cpp, vLLM and
 * the public ones. Asks for a stream and passes the text on as it comes.
 */
import type { Redacted } from "effect"
import { Duration, Effect, Layer, Predicate, Schedule, Schema, Stream } from "effect"
import { Sse } from "effect/encoding"
import type { HttpClientError, HttpClientResponse } from "effect/http"
import { HttpClient, HttpClientRequest } from "effect/http"
import {
  InferenceBackend,
  InferenceError,
  type InferenceFault,
  type InferenceRequest,
  type Part,
  type Shape
} from "./InferenceBackend.ts"

export interface Options {
  /** Where `/models` and `/chat/completions` are, such as `http://127.0.0.1:11434/v1`. */
  readonly baseUrl: string
  readonly apiKey?: Redacted.Redacted<string>
  readonly timeouts?: {
    /** For the list of models; default 10 seconds. */
    readonly models?: Duration.Input
    /** From the request to the first text, loading the model included; default 2 minutes. */
    readonly firstToken?: Duration.Input
    /** Between two pieces of text; default 30 seconds. */
    readonly idle?: Duration.Input
  }
}

const defaults = { models: "10 seconds", firstToken: "2 minutes", idle: "30 seconds" } as const

/** No token is longer than this on average, so a server that ignores `max_tokens` is stopped. */
const bytesPerToken = 64

const largestEvent = 256 * 1024
const largestErrorText = 500

const Models = Schema.fromJsonString(
  Schema.Struct({ data: Schema.Array(Schema.Struct({ id: Schema.String })) })
)

const nullable = <S extends Schema.Constraint>(schema: S) =>
  Schema.optionalKey(Schema.NullOr(schema))

const Delta = Schema.Struct({
  content: nullable(Schema.String),
  /** What a reasoning model thinks first: a sign of life, not part of the answer. */
  reasoning: nullable(Schema.String),
  reasoning_content: nullable(Schema.String)
})

const Chunk = Schema.Struct({
  choices: Schema.optionalKey(
    Schema.Array(Schema.Struct({ delta: nullable(Delta), finish_reason: nullable(Schema.String) }))
  ),
  usage: nullable(
    Schema.Struct({
      prompt_tokens: nullable(Schema.Int),
      completion_tokens: nullable(Schema.Int)
    })
  ),
  error: nullable(Schema.Unknown)
})
type Chunk = typeof Chunk.Type

export const make = Effect.fnUntraced(function* (options: Options) {
  const client = yield* HttpClient.HttpClient
  const timeouts = { ...defaults, ...options.timeouts }
  const baseUrl = options.baseUrl.replace(/\/+$/, "")

  const send = Effect.fnUntraced(function* (request: HttpClientRequest.HttpClientRequest) {
    const response = yield* client
      .execute(
        options.apiKey === undefined
          ? request
          : HttpClientRequest.bearerToken(request, options.apiKey)
      )
      .pipe(Effect.mapError(unanswered))
    return response.status === 200 ? response : yield* refusal(response)
  })

  const models = send(HttpClientRequest.get(`${baseUrl}/models`)).pipe(
    Effect.flatMap((response) => Effect.mapError(response.text, unanswered)),
    Effect.flatMap(Schema.decodeUnknownEffect(Models)),
    Effect.map(({ data }) => data.map(({ id }) => id)),
    Effect.catchTag("SchemaError", () => invalidAnswer(`${baseUrl}/models gave no list of models`)),
    Effect.timeoutOrElse({
      duration: timeouts.models,
      orElse: () => timedOut(`${baseUrl}/models`, timeouts.models)
    })
  )

  const infer = (request: InferenceRequest): Stream.Stream<Part, InferenceError> =>
    HttpClientRequest.post(`${baseUrl}/chat/completions`).pipe(
      HttpClientRequest.bodyJsonUnsafe(toBody(request)),
      send,
      Effect.retry({ while: wasNotStarted, schedule: beforeTheFirstChunk }),
      Effect.map(chunksOf),
      Stream.unwrap,
      Stream.filter(isProgress),
      patience(timeouts.firstToken, timeouts.idle, baseUrl),
      toParts(request.maxTokens * bytesPerToken)
    )

  return InferenceBackend.of({ name: baseUrl, models, infer } satisfies Shape)
})

export const layer = (
  options: Options
): Layer.Layer<InferenceBackend, never, HttpClient.HttpClient> =>
  Layer.effect(InferenceBackend, make(options))

/** `max_tokens`, not `max_completion_tokens`: the name that every server obeys. */
const toBody = (request: InferenceRequest) => ({
  model: request.model,
  messages: [{ role: "user", content: request.prompt }],
  max_tokens: request.maxTokens,
  temperature: request.temperature,
  top_p: request.topP,
  stop: request.stop?.length === 0 ? undefined : request.stop,
  seed: request.seed,
  stream: true,
  stream_options: { include_usage: true }
})

const chunksOf = (
  response: HttpClientResponse.HttpClientResponse
): Stream.Stream<Chunk, InferenceError> =>
  response.stream.pipe(
    Stream.mapError((error) => new InferenceError({ reason: "truncated", message: error.message })),
    Stream.decodeText(),
    Stream.pipeThroughChannel(Sse.decode({ maxEventSize: largestEvent })),
    Stream.catchTag(["Retry", "SseError"], () =>
      Stream.fromEffect(invalidAnswer("not a stream of chat chunks"))
    ),
    Stream.takeWhile((event) => event.data !== "[DONE]"),
    Stream.mapEffect((event) => decodeChunk(event.data))
  )

const decodeChunk = (data: string): Effect.Effect<Chunk, InferenceError> =>
  decodeChunkJson(data).pipe(
    Effect.catchTag("SchemaError", () => invalidAnswer("a chunk of the stream cannot be read")),
    Effect.filterOrElse(
      (chunk) => chunk.error === undefined || chunk.error === null,
      ({ error }) =>
        new InferenceError({ reason: "refused", message: errorText(JSON.stringify(error)) })
    )
  )

const decodeChunkJson = Schema.decodeUnknownEffect(Schema.fromJsonString(Chunk))

const isProgress = (chunk: Chunk): boolean =>
  Predicate.isNotNullish(chunk.usage) ||
  (chunk.choices ?? []).some(
    ({ delta, finish_reason }) =>
      Boolean(finish_reason) ||
      Boolean(delta?.content) ||
      Boolean(delta?.reasoning) ||
      Boolean(delta?.reasoning_content)
  )

/** Fails if the first element, or a later one, lets wait too long. */
const patience =
  (first: Duration.Input, later: Duration.Input, url: string) =>
  <A>(stream: Stream.Stream<A, InferenceError>): Stream.Stream<A, InferenceError> =>
    Stream.transformPull(stream, (pull) =>
      Effect.sync(() => {
        let allowed = first
        return Effect.suspend(() =>
          Effect.timeoutOrElse(pull, {
            duration: allowed,
            orElse: () => timedOut(`${url}/chat/completions`, allowed)
          })
        ).pipe(Effect.tap(() => Effect.sync(() => void (allowed = later))))
      })
    )

/** Texts, and one `Finish`. A stream that gave no finish reason was cut off on the way. */
const toParts =
  (mostBytes: number) =>
  (chunks: Stream.Stream<Chunk, InferenceError>): Stream.Stream<Part, InferenceError> =>
    Stream.suspend(() => {
      let bytes = 0
      let reason: string | undefined
      let usage: Chunk["usage"]

      const textOf = (chunk: Chunk): string => {
        const choice = chunk.choices?.[0]
        const text = choice?.delta?.content ?? ""
        bytes += Buffer.byteLength(text)
        reason = bytes > mostBytes ? "length" : (choice?.finish_reason ?? reason)
        usage = chunk.usage ?? usage
        return text
      }

      const finish = Effect.suspend(() =>
        reason === undefined
          ? new InferenceError({ reason: "truncated", message: "the stream broke off" })
          : Effect.succeed<Part>({
              _tag: "Finish",
              reason,
              tokensIn: usage?.prompt_tokens ?? undefined,
              tokensOut: usage?.completion_tokens ?? undefined
            })
      )

      return chunks.pipe(
        Stream.map(textOf),
        Stream.takeUntil(() => bytes > mostBytes),
        Stream.filter((text) => text !== ""),
        Stream.map((text): Part => ({ _tag: "Text", text })),
        Stream.concat(Stream.fromEffect(finish))
      )
    })

/** The server did not begin with it, so asking again makes it work no twice. */
const wasNotStarted = (error: InferenceError): boolean =>
  error.reason === "unreachable" || error.reason === "overloaded"

const beforeTheFirstChunk = Schedule.exponential("100 millis").pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 3 })
)

const unanswered = (error: HttpClientError.HttpClientError): InferenceError =>
  new InferenceError({
    reason: error.reason._tag === "TransportError" ? transportFault(error) : "invalid_answer",
    message: error.message
  })

/** A connection that was refused carried no request; one that broke may have. */
const transportFault = (error: HttpClientError.HttpClientError): InferenceFault =>
  connectionFaults.has(errorCode(error) ?? "") ? "unreachable" : "truncated"

const connectionFaults = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT"
])

/** The system's name for what happened, which HTTP clients bury under causes. */
const errorCode = (error: unknown, depth = 5): string | undefined => {
  if (depth === 0 || !Predicate.isObject(error)) return undefined
  if (Predicate.hasProperty(error, "code") && Predicate.isString(error.code)) return error.code
  return Predicate.hasProperty(error, "cause") ? errorCode(error.cause, depth - 1) : undefined
}

const refusal = Effect.fnUntraced(function* (response: HttpClientResponse.HttpClientResponse) {
  const text = yield* response.text.pipe(Effect.orElseSucceed(() => ""))
  return yield* new InferenceError({
    reason: refusalFault(response.status, text),
    message: `HTTP ${response.status}: ${errorText(text)}`
  })
})

const refusalFault = (status: number, text: string): InferenceFault => {
  if (status === 404) return "model_unavailable"
  if (status === 413) return "prompt_too_long"
  if (status === 400 && /context|too long|too many tokens/i.test(text)) return "prompt_too_long"
  if (status === 429 || status === 503) return "overloaded"
  return status >= 500 ? "failed" : "refused"
}

const errorText = (text: string): string =>
  text.replace(/\p{Cc}+/gu, " ").slice(0, largestErrorText)

const invalidAnswer = (message: string) =>
  Effect.fail(new InferenceError({ reason: "invalid_answer", message }))

const timedOut = (url: string, after: Duration.Input) =>
  Effect.fail(
    new InferenceError({
      reason: "timeout",
      message: `${url} did not answer within ${Duration.format(Duration.fromInputUnsafe(after))}`
    })
  )
