/** A relay of its own for a test, a client of it, and events to tell it. */
import { RelayServer } from "@farthing/devnet"
import { Key, NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect } from "effect"
import { connect } from "./RawClient.ts"

export const alice = Key.generate()
export const bob = Key.generate()

let salt = 0
export const event = (template: Partial<NostrEvent.Template> = {}, key: Key.SecretKey = alice) =>
  Effect.map(UnixTime.now, (created_at) =>
    NostrEvent.sign({ kind: 1, created_at, tags: [], content: `event ${salt++}`, ...template }, key)
  )

export const start = (options?: RelayServer.Options) =>
  Effect.gen(function* () {
    const { url } = yield* RelayServer.make(options)
    return { url, client: yield* connect(url) }
  })

export const ids = (events: ReadonlyArray<NostrEvent.NostrEvent>) => events.map(({ id }) => id)

export const byNewest = (a: NostrEvent.NostrEvent, b: NostrEvent.NostrEvent) =>
  b.created_at - a.created_at || (a.id < b.id ? -1 : 1)

export const has = (name: string, value: string) => (one: NostrEvent.NostrEvent) =>
  NostrEvent.tagValue(one, name) === value
