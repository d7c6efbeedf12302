/** What the relay's `OK` is worth: the event is on disk, whatever happens next. */
import { assert, describe, it } from "@effect/vitest"
import type * as Log from "@farthing/devnet/relay/Log"
import { Effect, Fiber, Queue, References } from "effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { connect } from "./RawClient.ts"
import { event, file, ids, start } from "./TestRelay.ts"

/** A relay in a process of its own. */
const relayProcess = (filename: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly kill: () => void }>((resume) => {
      const program = fileURLToPath(new URL("relay-process.ts", import.meta.url))
      const child = execFile(process.execPath, [program, filename])
      const kill = () => void child.kill("SIGKILL")
      child.stdout?.once("data", (line) =>
        resume(Effect.succeed({ url: String(line).trim(), kill }))
      )
    }),
    ({ kill }) => Effect.sync(kill)
  )

describe("a relay with a file", () => {
  it.live("tells who listens at once, and who published when it is on disk", () =>
    Effect.gen(function* () {
      const flushes = yield* Queue.unbounded<(error: Error | null) => void>()
      const sync: Log.Sync = (_, done) => Queue.offerUnsafe(flushes, done)
      const { client, url } = yield* start({ store: { filename: yield* file, sync } })
      const listener = yield* connect(url)
      listener.send("REQ", "live", { kinds: [1] })
      assert.deepEqual(yield* listener.next, ["EOSE", "live"])
      const one = yield* event()
      const told = yield* Effect.forkChild(client.publish(one), { startImmediately: true })
      assert.deepEqual(yield* listener.next, ["EVENT", "live", one])
      const flushed = yield* Queue.take(flushes)
      assert.deepEqual(yield* listener.query({ ids: [one.id] }), [one])
      assert.isUndefined(told.pollUnsafe())
      flushed(null)
      assert.deepEqual((yield* Fiber.join(told)).slice(2), [true, ""])
    })
  )

  it.live("promises nothing any more once the disk has failed", () =>
    Effect.gen(function* () {
      let flushes = 0
      const sync: Log.Sync = (_, done) => done(flushes++ === 0 ? new Error("EIO") : null)
      const { client } = yield* start({ store: { filename: yield* file, sync } })
      for (let n = 0; n < 3; n++)
        assert.deepEqual((yield* client.publish(yield* event())).slice(2), [
          false,
          "error: the event could not be stored"
        ])
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.live("that is killed in the middle of a flood has kept all that it said OK to", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const relay = yield* relayProcess(filename)
      const client = yield* connect(relay.url)
      const events = yield* Effect.replicateEffect(event(), 3_000)
      for (const one of events) client.send("EVENT", one)
      const kept: Array<unknown> = []
      while (kept.length < 300) {
        const [word, id, isKept] = yield* client.next
        if (word === "OK" && isKept === true) kept.push(id)
      }
      relay.kill()
      yield* client.closed
      for (const [word, id, isKept] of client.unread)
        if (word === "OK" && isKept === true) kept.push(id)
      assert.isBelow(kept.length, events.length)
      const again = yield* start({ store: { filename }, limits: { maxLimit: 10_000 } })
      const found = yield* again.client.query({ kinds: [1], limit: 10_000 })
      assert.includeMembers(ids(found), kept)
    })
  )
})
