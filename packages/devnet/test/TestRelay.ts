/** A relay of its own for a test, a client of it, and events to tell it. */
import { RelayServer } from "@farthing/devnet"
import { Key, NostrEvent } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
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

/** Where events can be kept, in a folder that goes away with the scope. */
export const file = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "relay-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
).pipe(Effect.map((folder) => join(folder, "relay.db")))

export const ids = (events: ReadonlyArray<NostrEvent.NostrEvent>) => events.map(({ id }) => id)

export const byNewest = (a: NostrEvent.NostrEvent, b: NostrEvent.NostrEvent) =>
  b.created_at - a.created_at || (a.id < b.id ? -1 : 1)

export const has = (name: string, value: string) => (one: NostrEvent.NostrEvent) =>
  NostrEvent.tagValue(one, name) === value
