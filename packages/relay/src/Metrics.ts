/** Which relays are connected, for whoever looks. */
import { Effect, Metric } from "effect"

/** Shows whether a relay is connected, until the scope closes. */
export const showConnection = Effect.fnUntraced(function* (connection: {
  readonly url: string
  readonly isUp: () => boolean
}) {
  const context = yield* Effect.context()
  const gauge = Metric.gauge("farthing_relay_connected", {
    description: "1 while a connection to the relay stands",
    attributes: { relay: nameOf(connection.url) }
  })
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      Metric.registerUnsafe(gauge, context, {
        get: () => ({ value: Number(connection.isUp()) }),
        update: () => {},
        modify: () => {}
      })
    ),
    (registration) => Effect.sync(() => registration.remove())
  )
})

/** What of an address is no secret. */
const nameOf = (address: string): string => {
  const url = URL.parse(address)
  return url === null ? "" : `${url.protocol}//${url.host}${url.pathname}`.replace(/\/$/, "")
}
