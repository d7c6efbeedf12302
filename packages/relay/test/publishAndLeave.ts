/** A whole process: publishes one event to the relay it is given, and has to end by itself. */
import { Console, Effect } from "effect"
import { Relay } from "../src/index.ts"
import { following, note } from "./fixtures.ts"

const program = Effect.gen(function* () {
  const relay = yield* Relay.make({ urls: [process.argv[2] ?? "", "ws://127.0.0.1:1"] })
  yield* following(relay, [{ kinds: [1] }])
  yield* relay.publish(note())
  yield* Console.log("published")
})

await Effect.runPromise(Effect.scoped(program))
