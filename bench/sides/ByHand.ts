/** The market as one writes it by hand, under the same load. */
import { Effect } from "effect"
import { join } from "node:path"
import * as Disk from "../baseline/Disk.ts"
import * as Market from "../baseline/Market.ts"
import * as Load from "../src/Load.ts"
import type { Workload } from "../src/Workload.ts"

const open = (folder: string, name: string) =>
  Effect.acquireRelease(
    Effect.sync(() => Disk.open(join(folder, `${name}.db`))),
    (disk) => Effect.sync(disk.close)
  )

export const run = Effect.fnUntraced(function* (workload: Workload, folder: string) {
  const { agents, listening, relay } = workload
  const books = yield* open(folder, "provider")
  const provider = yield* Effect.acquireRelease(
    Effect.promise(() => Market.provide(relay, books)),
    (provider) => Effect.sync(provider.close)
  )
  const customer = Effect.fnUntraced(function* (name: string) {
    const disk = yield* open(folder, name)
    const { buy } = yield* Effect.acquireRelease(
      Effect.promise(() => Market.join(relay, disk, provider, listening)),
      (customer) => Effect.sync(customer.close)
    )
    return (prompt: string) => Effect.promise(() => buy(prompt))
  })
  const customers = yield* Effect.forEach(
    Array.from({ length: agents }, (_, index) => `customer ${index}`),
    customer
  )
  return yield* Load.run(workload, customers)
})
