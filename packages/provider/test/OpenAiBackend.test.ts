import { assert, describe, it } from "@effect/vitest"
import { InferenceBackend, OpenAiBackend } from "@farthing/provider"
import { Effect, Queue, Redacted, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import * as Server from "./support/OpenAiServer.ts"

const request: InferenceBackend.InferenceRequest = {
  model: "llama3.2:1b",
  prompt: "What is the capital of France?",
  maxTokens: 20
}

const backend = (play: Server.Play, options?: Omit<OpenAiBackend.Options, "baseUrl">) =>
  Effect.gen(function* () {
    const server = yield* Server.serve(play)
    const backend = yield* OpenAiBackend.make({ ...options, baseUrl: `${server.baseUrl}/` })
    return { ...server, backend }
  }).pipe(Effect.provide(FetchHttpClient.layer))

const infer = (backend: InferenceBackend.Shape, wish = request) =>
  Stream.runCollect(backend.infer(wish))

const faultOf = (play: Server.Play, options?: Omit<OpenAiBackend.Options, "baseUrl">) =>
  Effect.gen(function* () {
    const { backend: server } = yield* backend(play, options)
    return (yield* Effect.flip(infer(server))).reason
  })

describe("OpenAiBackend", () => {
  it.live("streams the text, then says how it ended and what it took", () =>
    Effect.gen(function* () {
      const { backend: server, asked } = yield* backend((response) => {
        Server.sse(response).write(
          Server.event({ choices: [{ delta: { role: "assistant", content: "" } }] })
        )
        response.write(Server.text("Paris is "))
        response.write(": keep alive\n\n")
        response.write(Server.text("the capital.", "stop"))
        response.end(Server.usage(9, 5) + Server.done)
      })
      assert.deepStrictEqual(yield* infer(server), [
        { _tag: "Text", text: "Paris is " },
        { _tag: "Text", text: "the capital." },
        { _tag: "Finish", reason: "stop", tokensIn: 9, tokensOut: 5 }
      ])
      const one = yield* Queue.take(asked)
      assert.strictEqual(`${one.method} ${one.path}`, "POST /v1/chat/completions")
      assert.isUndefined(one.authorization)
      assert.deepStrictEqual(one.body, {
        model: "llama3.2:1b",
        messages: [{ role: "user", content: "What is the capital of France?" }],
        max_tokens: 20,
        stream: true,
        stream_options: { include_usage: true }
      })
    })
  )

  it.live("passes the wish for sampling on, and shows its key", () =>
    Effect.gen(function* () {
      const { backend: server, asked } = yield* backend(
        (response) => Server.sse(response).end(Server.text("ok", "stop")),
        { apiKey: Redacted.make("sesame") }
      )
      yield* infer(server, { ...request, temperature: 0.5, topP: 0.9, stop: ["\n"], seed: 7 })
      const one = yield* Queue.take(asked)
      assert.strictEqual(one.authorization, "Bearer sesame")
      assert.deepInclude(one.body, { temperature: 0.5, top_p: 0.9, stop: ["\n"], seed: 7 })
    })
  )

  it.live("puts characters together that were cut apart on the way", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from(Server.text("Zürich 🦊", "stop"))
      const { backend: server } = yield* backend((response) => {
        Server.sse(response)
        response.write(bytes.subarray(0, bytes.length - 50))
        setImmediate(() => response.end(bytes.subarray(bytes.length - 50)))
      })
      assert.deepStrictEqual((yield* infer(server))[0], { _tag: "Text", text: "Zürich 🦊" })
    })
  )

  it.live("lists the models", () =>
    Effect.gen(function* () {
      const { backend: server, asked } = yield* backend((response) =>
        response.end(JSON.stringify({ object: "list", data: [{ id: "a" }, { id: "b" }] }))
      )
      assert.deepStrictEqual(yield* server.models, ["a", "b"])
      assert.strictEqual((yield* Queue.take(asked)).path, "/v1/models")
    })
  )

  it.live("fails as truncated where the stream ends without a finish reason", () =>
    Effect.gen(function* () {
      const cutOff = yield* faultOf((response) => Server.sse(response).end(Server.text("Par")))
      const broken = yield* faultOf((response) => {
        Server.sse(response).write(Server.text("Par"))
        setImmediate(() => response.destroy())
      })
      assert.deepStrictEqual([cutOff, broken], ["truncated", "truncated"])
    })
  )

  it.live("does not ask again once text has come", () =>
    Effect.gen(function* () {
      const { backend: server, asked } = yield* backend((response) =>
        Server.sse(response).end(Server.text("Par"))
      )
      yield* Effect.flip(infer(server))
      assert.strictEqual(yield* Queue.size(asked), 1)
    })
  )

  it.live("asks again where the server had not begun: 503", () =>
    Effect.gen(function* () {
      let turns = 0
      const { backend: server } = yield* backend((response, asked) =>
        turns++ === 0
          ? Server.refuse(503, "loading model")(response, asked)
          : Server.sse(response).end(Server.text("Paris", "stop"))
      )
      assert.strictEqual((yield* infer(server)).length, 2)
    })
  )

  it.live("gives up on a server that nobody listens at", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* Effect.scoped(Server.serve(() => undefined))
      const gone = yield* OpenAiBackend.make({ baseUrl })
      assert.strictEqual((yield* Effect.flip(infer(gone))).reason, "unreachable")
      assert.strictEqual((yield* Effect.flip(gone.models)).reason, "unreachable")
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.live("tells refusals apart", () =>
    Effect.gen(function* () {
      const faults = yield* Effect.forEach(
        [
          [404, "model 'x' not found"],
          [400, "This model's maximum context length is 2048 tokens"],
          [400, "temperature out of range"],
          [401, "bad key"],
          [429, "slow down"],
          [500, "out of memory"]
        ] as const,
        ([status, message]) => faultOf(Server.refuse(status, message)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(faults, [
        "model_unavailable",
        "prompt_too_long",
        "refused",
        "refused",
        "overloaded",
        "failed"
      ])
    })
  )

  it.live("does not take for an answer what is none", () =>
    Effect.gen(function* () {
      const brokenJson = yield* faultOf((response) =>
        Server.sse(response).end(Server.text("Par") + Server.event("{not json"))
      )
      const wrongShape = yield* faultOf((response) =>
        Server.sse(response).end(Server.event({ choices: [{ delta: { content: 7 } }] }))
      )
      const errorInside = yield* faultOf((response) =>
        Server.sse(response).end(Server.event({ error: { message: "CUDA died" } }))
      )
      assert.deepStrictEqual(
        [brokenJson, wrongShape, errorInside],
        ["invalid_answer", "invalid_answer", "refused"]
      )
    })
  )

  it.live("waits only so long for the first text, and for the next", () =>
    Effect.gen(function* () {
      const silent = yield* faultOf(() => undefined, { timeouts: { firstToken: "50 millis" } })
      const roleOnly = yield* faultOf(
        (response) =>
          Server.sse(response).write(Server.event({ choices: [{ delta: { role: "assistant" } }] })),
        { timeouts: { firstToken: "50 millis" } }
      )
      const stalled = yield* faultOf((response) => Server.sse(response).write(Server.text("Par")), {
        timeouts: { idle: "50 millis" }
      })
      assert.deepStrictEqual([silent, roleOnly, stalled], ["timeout", "timeout", "timeout"])
    })
  )

  it.live("stops a server that goes on beyond max_tokens, and hangs up", () =>
    Effect.gen(function* () {
      const { backend: server, asked } = yield* backend((response) => {
        Server.sse(response)
        const more = () => {
          if (!response.destroyed) response.write(Server.text("word ".repeat(20)), more)
        }
        more()
      })
      const parts = yield* infer(server, { ...request, maxTokens: 10 })
      const length = parts.reduce(
        (sum, part) => sum + (part._tag === "Text" ? part.text.length : 0),
        0
      )
      assert.isAtMost(length, 10 * 64 + 100)
      assert.deepInclude(parts.at(-1), { _tag: "Finish", reason: "length" })
      const { closed } = yield* Queue.take(asked)
      yield* Effect.promise(() => closed)
    })
  )
})
