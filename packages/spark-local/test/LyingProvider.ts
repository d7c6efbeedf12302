/** A service provider that does what it is asked to, and says something else. */
import type { SparkConnection } from "@farthing/wallet"
import { Effect } from "effect"
import { createServer } from "node:http"
import { buffer } from "node:stream/consumers"
import { inflateSync } from "node:zlib"

export interface Lies {
  /** What it says instead of an answer (its `data`), by operation. */
  readonly instead: Map<string, (data: string) => string>
  /** Operations that it answers without doing them. */
  readonly idle: Set<string>
}

/** In front of the honest one, which it stands for in this connection. */
export const make = Effect.fnUntraced(function* (connection: SparkConnection.SparkConnection) {
  const lies: Lies = { instead: new Map(), idle: new Set() }
  const honest = connection.serviceProvider.url
  const server = createServer((request, response) => {
    void answer(request.url ?? "/").catch(() => response.destroy())
    async function answer(path: string) {
      const body = await buffer(request)
      const { operationName } = JSON.parse(
        (request.headers["content-encoding"] === "deflate" ? inflateSync(body) : body).toString()
      )
      const headers = new Headers()
      for (const name of ["authorization", "content-encoding", "content-type"]) {
        const value = request.headers[name]
        if (typeof value === "string") headers.set(name, value)
      }
      const said = lies.idle.has(operationName)
        ? "{}"
        : await (await fetch(`${honest}${path}`, { method: "POST", headers, body })).text()
      response.writeHead(200, { "content-type": "application/json" })
      response.end((lies.instead.get(operationName) ?? ((it) => it))(said))
    }
  })
  const port = yield* Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )
  return {
    lies,
    connection: {
      ...connection,
      serviceProvider: { ...connection.serviceProvider, url: `http://127.0.0.1:${port}` }
    } satisfies SparkConnection.SparkConnection
  }
})
