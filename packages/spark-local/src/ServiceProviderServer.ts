/** Serves the service provider over HTTP on loopback. */
import { Cause, Effect, Exit, Schema } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer } from "node:http"
import { buffer } from "node:stream/consumers"
import { promisify } from "node:util"
import { inflate } from "node:zlib"
import type { Faults } from "./Faults.ts"
import * as Loopback from "./Loopback.ts"
import { Refused } from "./Refused.ts"
import type { ServiceProviderCalls } from "./ServiceProviderCalls.ts"

export interface Options {
  readonly calls: ServiceProviderCalls
  readonly faults: Faults
}

/** Serves until the scope closes; returns the port. */
export const make = Effect.fnUntraced(function* ({ calls, faults }: Options) {
  const runExit = Effect.runPromiseExitWith(yield* Effect.context())

  const call = Effect.fnUntraced(function* (request: IncomingMessage) {
    const { operationName, variables } = yield* callOf(request)
    const { authorization } = request.headers
    const answer = calls(operationName, { variables, authorization })
    return yield* faults.around("serviceProvider", operationName, answer)
  })

  const server = createServer((request, response) => {
    const gone = new AbortController()
    response.once("close", () => gone.abort())
    void runExit(call(request), { signal: gone.signal }).then((exit) =>
      Exit.match(exit, {
        onSuccess: (data) => reply(response, 200, { data }),
        onFailure: (cause) => refuse(request, response, cause)
      })
    )
  })
  return yield* Loopback.listen(server)
})

const Call = Schema.fromJsonString(
  Schema.Struct({ operationName: Schema.String, variables: Schema.Unknown })
)

const callOf = (request: IncomingMessage) =>
  Effect.tryPromise(async () => {
    const body = await buffer(request)
    const isDeflated = request.headers["content-encoding"] === "deflate"
    return (isDeflated ? await promisify(inflate)(body) : body).toString()
  }).pipe(
    Effect.flatMap(Schema.decodeEffect(Call)),
    Effect.mapError(
      () => new Refused({ code: "INVALID_ARGUMENT", message: "That is no GraphQL call" })
    )
  )

const reply = (response: ServerResponse, status: number, body: unknown) => {
  response.writeHead(status, { "content-type": "application/json" })
  response.end(JSON.stringify(body))
}

const refuse = (
  request: IncomingMessage,
  response: ServerResponse,
  cause: Cause.Cause<Refused>
): void => {
  const error = Cause.squash(cause)
  if (!(error instanceof Refused)) return reply(response, 500, { message: Cause.pretty(cause) })
  switch (error.code) {
    case "UNAVAILABLE":
      return void request.socket.destroy()
    case "UNAUTHENTICATED":
      return reply(response, 401, { message: error.message })
    default:
      return reply(response, 200, { data: null, errors: [{ message: error.message }] })
  }
}
