/** Relays as they are found in the wild, by what a client notices of them. */
import type { Make } from "./OtherRelay.ts"
import * as Manner from "./Manner.ts"

/** Unix seconds. */
export type Now = () => number

/**
 * Like strfry: holds live events for 100 ms, sends at most 500 stored ones, says `OK false` of
 * older replaceables, and answers what it does not take by a NOTICE.
 */
export const likeStrfry = (now: Now): Make => ({
  manners: [
    Manner.limits(
      { maxSubscriptions: 20, maxMessageLength: 131_072, ahead: 900, by: "NOTICE" },
      now
    ),
    Manner.caps(500),
    Manner.holdsLive(100)
  ],
  information: {
    software: "git+https://github.com/hoytech/strfry.git",
    limitation: { max_message_length: 131_072, max_subscriptions: 20, max_limit: 500 }
  }
})

/** Like nostream: duplicates all round, and notices for whoever asks too much or too often. */
export const likeNostream = (now: Now): Make => ({
  manners: [
    Manner.limits(
      {
        maxSubscriptions: 10,
        maxSubscriptionIdLength: 256,
        maxFilters: 10,
        maxLimit: 5_000,
        ahead: 900,
        by: "NOTICE"
      },
      now
    ),
    Manner.givesNoticeAtFirst,
    Manner.callsOlderOnesDuplicate
  ],
  information: {
    software: "git+https://github.com/cameri/nostream.git",
    limitation: { max_subscriptions: 10, max_filters: 10, max_limit: 5_000 }
  }
})

/** Like nostr-rs-relay: asks who connects, sends the oldest first, and says no to duplicates. */
export const likeNostrRsRelay = (now: Now): Make => ({
  manners: [
    Manner.limits({ ahead: 1_800, by: "CLOSED" }, now),
    Manner.asksWho("EVENT"),
    Manner.ascends,
    Manner.refusesDuplicates
  ],
  information: { software: "https://git.sr.ht/~gheartsfield/nostr-rs-relay" }
})

/** Like the small relays made with khatru: members only, few events at a time, few filters. */
export const likeKhatru = (now: Now): Make => ({
  manners: [
    Manner.limits({ maxFilters: 1, ahead: 60, by: "CLOSED" }, now),
    Manner.asksWho("REQ", "EVENT"),
    Manner.caps(100)
  ],
  information: {
    software: "https://github.com/fiatjaf/khatru",
    limitation: { auth_required: true, restricted_writes: true }
  }
})

/** Like the relays of small machines: slow to read, soon full, dead or asleep now and then. */
export const likeHomeServer = (now: Now): Make => ({
  manners: [
    Manner.limits({ maxSubscriptions: 8, by: "CLOSED" }, now),
    Manner.dies(12, 3),
    Manner.freezes(6, 500, 3),
    Manner.readsSlowly(30),
    Manner.callsOlderOnesDuplicate
  ]
})
