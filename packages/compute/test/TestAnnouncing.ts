/** Providers that announce themselves, for tests that look for them. */
import { AgentMessage, Announcement, Key, Msat, NostrEvent } from "@farthing/protocol"
import { Relay, UnixTime } from "@farthing/relay"
import { Effect, Option } from "effect"

const secret = Key.generate()

/** An announcement as it goes out; by default a good one that lasts half an hour. */
export const announce = Effect.fnUntraced(function* (
  change: Partial<Announcement.Announcement> = {},
  options: { readonly at?: number; readonly by?: Key.SecretKey } = {}
) {
  const relay = yield* Relay.Relay
  const now = yield* UnixTime.now
  const at = options.at ?? now
  const announcement: Announcement.Announcement = {
    identifier: "offer",
    name: "provider",
    about: "",
    picture: Option.none(),
    lud16: Option.none(),
    channel: NostrEvent.EventId.make("c".repeat(64)),
    relays: [],
    network: Option.some("regtest"),
    price: Option.some(Msat.make(1000)),
    models: [],
    modelPrices: {},
    kinds: [AgentMessage.textGeneration],
    capabilities: [],
    settlements: ["upfront"],
    tagsAnswers: true,
    online: true,
    expiresAt: Option.some(now + 1800),
    ...change
  }
  yield* relay.publish(
    NostrEvent.sign(Announcement.toTemplate(announcement, at), options.by ?? secret)
  )
})
