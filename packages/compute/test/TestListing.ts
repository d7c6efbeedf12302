/** Announcements as they are chosen by, without the events that carried them. */
import { Key, Msat, NostrEvent } from "@farthing/protocol"
import { Option } from "effect"
import { randomBytes } from "node:crypto"
import type { Listing } from "../src/Listing.ts"

/** Any moment, in unix seconds. */
export const now = 1_000_000

export const keyOf = (n: number) => Key.PublicKey.make(n.toString(16).padStart(64, "0"))

/** A word of the n-th provider; by default a good one that lasts half an hour. */
export const listing = (n: number, change: Partial<Listing> = {}): Listing => ({
  pubkey: keyOf(n),
  identifier: "offer",
  id: NostrEvent.EventId.make(randomBytes(32).toString("hex")),
  createdAt: now,
  endsAt: now + 1800,
  online: true,
  price: Option.some(Msat.make(1000)),
  models: ["tiny"],
  modelPrices: {},
  unpriced: [],
  ways: ["upfront"],
  weight: 500,
  ...change
})
