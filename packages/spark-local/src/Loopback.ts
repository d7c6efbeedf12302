/** Servers of this machine, for this machine. */
import { Effect, Schema } from "effect"
import type { Server } from "node:http"

export const host = "127.0.0.1"

/** Any free port, until the scope closes. */
export const listen = (server: Server) =>
  Effect.acquireRelease(
    Effect.callback<number, CannotListen>((resume) => {
      server.once("error", ({ message }) => resume(Effect.fail(new CannotListen({ message }))))
      server.listen(0, host, () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )

/** No port can be had on loopback. */
export class CannotListen extends Schema.TaggedError<CannotListen>()("CannotListen", {
  message: Schema.String
}) {}
