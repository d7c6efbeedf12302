/** Where what is said of open jobs is found, be it as old as they are. */
import { Channel, type Filter, type Key, type NostrEvent } from "@farthing/protocol"
import { Array as Arr } from "effect"

/** Relays take no filter of any length. */
const authorsPerFilter = 100

/** What these authors have said in our channel since a unix second. */
export const filters = (
  channel: NostrEvent.EventId,
  customers: Iterable<Key.PublicKey>,
  since: number
): ReadonlyArray<Filter.Filter> =>
  Arr.chunksOf([...new Set(customers)], authorsPerFilter).map((authors) => ({
    ...Channel.providerFilter(channel, { since }),
    authors
  }))
