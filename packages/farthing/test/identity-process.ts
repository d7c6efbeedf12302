/** A process that makes identities, eight at once, in the home of its environment. */
import { Effect, Layer } from "effect"
import * as Config from "../src/Config.ts"
import * as Home from "../src/Home.ts"
import * as Identity from "../src/Identity.ts"
import { platform } from "./TestHome.ts"

const layer = Config.layer().pipe(Layer.provideMerge(Home.layer), Layer.provideMerge(platform))

const made = await Effect.all(
  Array.from({ length: 8 }, () => Identity.loadOrCreate),
  { concurrency: "unbounded" }
).pipe(Effect.provide(layer), Effect.runPromise)

for (const { created, publicKey } of made)
  process.stdout.write(`${publicKey} ${created ? "created" : "found"}\n`)
