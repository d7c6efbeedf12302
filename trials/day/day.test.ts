import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, FileSystem } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Day from "./Day.ts"
import * as DayClock from "./DayClock.ts"
import * as Shop from "./Shop.ts"
import * as Town from "./Town.ts"
import * as Witness from "./Witness.ts"

const folder = Effect.flatMap(FileSystem.FileSystem, (fileSystem) =>
  fileSystem.makeTempDirectoryScoped({ prefix: "farthing-day-" })
)

/** A worker that says that all is well and nothing was sold, whatever is the case. */
const liar = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
    const well = { ready: true }
    const parts = { relay: well, wallet: well, backend: well, announced: well }
    const server = createServer((request, response) => {
      response.end(request.url === "/readyz" ? JSON.stringify({ ready: true, parts }) : "")
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      const close = () => {
        server.close()
        server.closeAllConnections()
      }
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

describe("a worker by a clock that hurries", () => {
  it.live("is bought from, while relay, wallet and backend go away and it is restarted", () =>
    Effect.gen(function* () {
      const night = yield* Day.play({
        folder: yield* folder,
        pace: 1,
        minutes: 15,
        customers: 4,
        purchases: 2,
        outages: 1,
        restarts: 1,
        seed: 1
      })
      assert.deepStrictEqual(night.findings, [])
      assert.deepStrictEqual(night.disagreements, [])
      assert.isAtLeast(night.jobs.get("delivered") ?? 0, 3)
      for (const seen of ["book", "counters"]) assert.isAtLeast(night.agreed[seen] ?? 0, 10, seen)
      for (const seen of ["relay", "wallet", "backend"].flatMap((part) => [
        `${part} up`,
        `${part} down`
      ]))
        assert.isAtLeast(night.agreed[seen] ?? 0, 1, seen)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("that says what is not true is found out", () =>
    Effect.gen(function* () {
      const place = yield* folder
      const { url } = yield* liar
      const clock = yield* DayClock.make({ pace: 1 })
      const findings = yield* Effect.gen(function* () {
        const town = yield* Town.make({ folder: place, customers: [] })
        const watched = { url, since: yield* Clock.currentTimeMillis, before: new Map() }
        yield* Shop.open(town.environmentOf(Town.provider), () => {})
        const witness = yield* Witness.make({
          town,
          bank: `${place}/bank.db`,
          book: town.databaseOf(Town.provider),
          watched: () => watched
        })
        yield* Effect.all([town.backend.down, town.relay.down])
        yield* Effect.sleep("70 seconds")
        yield* witness.look
        return witness.findings().map((finding) => finding.replace(/^\S+ /, ""))
      }).pipe(Effect.provideService(Clock.Clock, clock), Effect.scoped)
      for (const lie of ["relay down, but", "backend down, but", "announced down, but"])
        assert.isTrue(
          findings.some((finding) => finding.startsWith(lie)),
          lie
        )
      assert.include(findings, "ready is another metric")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
