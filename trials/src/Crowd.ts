/** Very many announcements by strangers, which cost nobody anything; nobody listens behind them. */
import { AgentMessage, Announcement, Key, Msat, NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect, Option } from "effect"

export interface Member {
  readonly name?: string
  /** Undefined: it announces none. */
  readonly price?: Msat.Msat | undefined
  readonly about?: string
}

/** So many announcements by a hundred keys, or by as many as there are announcements. */
export const gather = Effect.fnUntraced(function* (size: number, member: Member = {}) {
  const now = yield* UnixTime.now
  const keys = Array.from({ length: Math.min(size, 100) }, () => Key.generate())
  return Array.from({ length: size }, (_, at) =>
    NostrEvent.sign(announcementOf(member, `offer ${at}`, now), keys[at % keys.length]!)
  )
})

const announcementOf = (
  { about = "", name = "sybil", price }: Member,
  identifier: string,
  now: number
) =>
  Announcement.toTemplate(
    {
      identifier,
      name,
      about,
      picture: Option.none(),
      lud16: Option.none(),
      channel: NostrEvent.EventId.make("5".repeat(64)),
      relays: [],
      network: Option.some("regtest"),
      price: Option.fromUndefinedOr(price),
      models: ["tiny"],
      modelPrices: {},
      kinds: [AgentMessage.textGeneration],
      capabilities: ["text-generation"],
      settlements: ["upfront"],
      tagsAnswers: true,
      online: true,
      expiresAt: Option.some(now + 1_800)
    },
    now
  )
