/** A server of OpenAI's kind, as small as it can be. */
import { Effect } from "effect"
import { createServer, type RequestListener, type Server } from "node:http"
import type { AddressInfo } from "node:net"

const models = { object: "list", data: [{ id: "model", object: "model" }] }

const pieces = [
  { delta: { content: "Four of them are a penny." } },
  { delta: {}, finish_reason: "stop" }
]

/** One model that always says the same. */
const answer: RequestListener = (request, response) => {
  if (request.url?.endsWith("/models") === true) {
    response.setHeader("content-type", "application/json")
    return response.end(JSON.stringify(models))
  }
  response.setHeader("content-type", "text/event-stream")
  for (const piece of pieces)
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, ...piece }] })}\n\n`)
  return response.end("data: [DONE]\n\n")
}

/** Serves until the scope closes; answers with its base URL. */
export const start = Effect.acquireRelease(
  Effect.callback<Server>((resume) => {
    const server = createServer(answer)
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    })
).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`))
