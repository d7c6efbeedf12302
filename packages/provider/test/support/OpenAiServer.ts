/** A chat-completions server on loopback that plays whatever a test asks of it. */
import { Effect, Queue } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"

export interface Asked {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly body: unknown
  /** Done when the client is gone. */
  readonly closed: Promise<void>
}

export type Play = (response: ServerResponse, asked: Asked) => void

export const serve = Effect.fnUntraced(function* (play: Play) {
  const asked = yield* Queue.unbounded<Asked>()
  const server = createServer((request, response) => {
    const closed = new Promise<void>((resolve) => response.on("close", resolve))
    void read(request).then((text) => {
      const one: Asked = {
        method: request.method ?? "",
        path: request.url ?? "",
        authorization: request.headers.authorization,
        body: text === "" ? undefined : JSON.parse(text),
        closed
      }
      Queue.offerUnsafe(asked, one)
      play(response, one)
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no address")
  return { baseUrl: `http://127.0.0.1:${address.port}/v1`, asked }
})

const read = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString("utf8")
}

export const sse = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { "content-type": "text/event-stream" })

export const event = (value: unknown): string =>
  `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`

export const text = (content: string, finish: string | null = null): string =>
  event({ choices: [{ index: 0, delta: { content }, finish_reason: finish }] })

export const usage = (prompt: number, completion: number): string =>
  event({ choices: [], usage: { prompt_tokens: prompt, completion_tokens: completion } })

export const done = event("[DONE]")

export const refuse =
  (status: number, message: string): Play =>
  (response) =>
    void response
      .writeHead(status, { "content-type": "application/json" })
      .end(JSON.stringify({ error: { message } }))
