/** The devnet's relay in a process of its own: prints its address and serves until it is stopped. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { RelayServer } from "@farthing/devnet"
import { Console, Effect, FileSystem } from "effect"
import { join } from "node:path"

/** Nobody is slowed down, and nothing is refused for its number. */
const limits = { maxLimit: 1_000_000, defaultLimit: 1_000_000 }

const main = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "farthing-bench-" })
  const { url } = yield* RelayServer.make({ store: { filename: join(folder, "relay.db") }, limits })
  yield* Console.log(url)
  return yield* Effect.never
})

NodeRuntime.runMain(main.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
