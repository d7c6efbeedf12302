/** A relay that holds what is live for a while, and gives out together what has gathered. */
import * as OtherRelay from "@farthing/trials/OtherRelay"
import { Effect } from "effect"

/** What is stored comes at once. */
const holds =
  (millis: number): OtherRelay.Manner =>
  () => {
    const live = new Set<unknown>()
    return {
      onClient: (frame) => {
        const [type, subscription] = frame
        if (type === "REQ" || type === "CLOSE") live.delete(subscription)
        return [OtherRelay.forward(frame)]
      },
      onRelay: (frame) => {
        const [type, subscription] = frame
        if (type === "EOSE") live.add(subscription)
        return type === "EVENT" && live.has(subscription)
          ? [{ _tag: "Together", millis, deed: OtherRelay.forward(frame) }]
          : [OtherRelay.forward(frame)]
      }
    }
  }

/** In front of the relay at `upstream`, until the scope closes; answers with its address. */
export const before = (upstream: string, millis: number) =>
  millis === 0
    ? Effect.succeed(upstream)
    : Effect.map(OtherRelay.make(upstream, OtherRelay.of(holds(millis))), ({ url }) => url)
