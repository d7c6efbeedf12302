/** A process that makes identities, eight at once, in the home of its environment. */
import { Effect, Layer } from "effect"
import { Config, Home, Identity } from "../src/index.ts"
import { platform } from "./TestHome.ts"

const layer = Config.layer().pipe(Layer.provideMerge(Home.layer), Layer.provideMerge(platform))

const made = await Effect.all(
  Array.from({ length: 8 }, () => Identity.loadOrCreate),
  { concurrency: "unbounded" }
).pipe(Effect.provide(layer), Effect.runPromise)

for (const { created, publicKey } of made)
  process.stdout.write(`${publicKey} ${created ? "created" : "found"}\n`)
