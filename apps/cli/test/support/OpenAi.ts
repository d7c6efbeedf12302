/** A stand-in for whoever speaks OpenAI's protocol: Ollama, llama.cpp's server, vLLM. */
import { Effect } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

/**
 * A server that speaks as OpenAI's does. The words come at once; then it waits until it is told to
 * finish, or to break off.
 */
export const openAi = (words: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly url: string
      readonly finish: () => void
      readonly breakOff: () => void
      readonly close: () => void
    }>((resume) => {
      const { promise: end, resolve: endWith } = Promise.withResolvers<"finish" | "break">()
      const server = createServer(async (request, response) => {
        if (request.url === "/v1/models") {
          response.setHeader("content-type", "application/json")
          response.end(JSON.stringify({ object: "list", data: [{ id: "tiny", object: "model" }] }))
          return
        }
        for await (const _ of request);
        response.setHeader("content-type", "text/event-stream")
        const say = (delta: object, finish_reason: string | null) =>
          response.write(
            `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", model: "tiny", choices: [{ index: 0, delta, finish_reason }] })}\n\n`
          )
        for (const word of words) say({ content: word }, null)
        if ((await end) === "break") {
          response.destroy()
          return
        }
        say({}, "stop")
        response.end("data: [DONE]\n\n")
      })
      server.listen(0, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
            finish: () => endWith("finish"),
            breakOff: () => endWith("break"),
            close: () => {
              server.closeAllConnections()
              server.close()
            }
          })
        )
      )
    }),
    (server) => Effect.sync(server.close)
  )
