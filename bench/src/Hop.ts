/** A relay that holds what is live for a while, and gives out together what has gathered. */
import * as Manner from "@farthing/trials/Manner"
import * as OtherRelay from "@farthing/trials/OtherRelay"
import { Effect } from "effect"

/** In front of the relay at `upstream`, until the scope closes; answers with its address. */
export const before = (upstream: string, millis: number) =>
  millis === 0
    ? Effect.succeed(upstream)
    : Effect.map(
        OtherRelay.make(upstream, OtherRelay.of(Manner.holdsLive(millis))),
        ({ url }) => url
      )
