/** A server that speaks as OpenAI's does, and may go away and come back at the same address. */
import { Effect, Scope } from "effect"
import type { Server } from "node:http"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

export interface Backend {
  readonly url: string
  /** What has begun, and what begins from now on, comes to its end. */
  readonly finish: Effect.Effect<void>
  /** Nobody answers any more. */
  readonly close: Effect.Effect<void>
}

export interface Options {
  /** Default: any free port. */
  readonly port?: number
  readonly models?: ReadonlyArray<string>
  /** What it says when it may. */
  readonly rest?: string
}

/** Serves until it is closed, or the scope is. It says a word at once and the rest when it may. */
export const make = Effect.fnUntraced(function* (options: Options = {}) {
  const { models = ["tiny"], port = 0, rest = "upon a coin." } = options
  const { promise: end, resolve: finish } = Promise.withResolvers<void>()
  const server = createServer(async (request, response) => {
    if (request.url === "/v1/models") {
      response.setHeader("content-type", "application/json")
      response.end(
        JSON.stringify({ object: "list", data: models.map((id) => ({ id, object: "model" })) })
      )
      return
    }
    for await (const _ of request);
    response.setHeader("content-type", "text/event-stream")
    const say = (delta: object, finish_reason: string | null) =>
      response.write(
        `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason }] })}\n\n`
      )
    say({ content: "Once " }, null)
    await end
    say({ content: rest }, null)
    say({}, "stop")
    response.end("data: [DONE]\n\n")
  })
  const close = Effect.sync(() => {
    server.closeAllConnections()
    server.close()
  })
  yield* Scope.addFinalizer(yield* Effect.scope, close)
  const actual = yield* listen(server, port)
  return {
    url: `http://127.0.0.1:${actual}/v1`,
    finish: Effect.sync(finish),
    close
  } satisfies Backend
})

const listen = (server: Server, port: number): Effect.Effect<number> =>
  Effect.callback((resume) => {
    server.listen(port, "127.0.0.1", () =>
      resume(Effect.succeed((server.address() as AddressInfo).port))
    )
  })
