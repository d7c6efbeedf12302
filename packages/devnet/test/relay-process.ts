/** A process that serves a relay from a file, says where, and goes on until it is killed. */
import { RelayServer } from "@farthing/devnet"
import { Console, Effect } from "effect"

const [, , filename = ""] = process.argv

const serve = Effect.gen(function* () {
  const { url } = yield* RelayServer.make({ store: { filename } })
  yield* Console.log(url)
  return yield* Effect.never
})

await Effect.runPromise(Effect.scoped(serve))
