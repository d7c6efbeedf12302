/** Where telemetry goes: an OTLP endpoint that keeps every byte of what it is sent. */
import { Effect } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Trace } from "./Leaks.ts"

export interface Collector {
  readonly url: string
  /** What came so far: traces, logs and metrics. */
  readonly received: Effect.Effect<ReadonlyArray<Trace>>
}

/** Collects until the scope closes. */
export const make = Effect.map(
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly traces: Array<Trace>; close: () => void }>(
      (resume) => {
        const traces: Array<Trace> = []
        const server = createServer(async (request, response) => {
          const parts: Array<Buffer> = []
          for await (const part of request) parts.push(Buffer.from(part))
          traces.push({ where: request.url ?? "", bytes: Buffer.concat(parts) })
          response.end("{}")
        })
        server.listen(0, "127.0.0.1", () => {
          const { port } = server.address() as AddressInfo
          const close = () => {
            server.close()
            server.closeAllConnections()
          }
          resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, traces, close }))
        })
      }
    ),
    ({ close }) => Effect.sync(close)
  ),
  ({ traces, url }): Collector => ({ url, received: Effect.sync(() => [...traces]) })
)
