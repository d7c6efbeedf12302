/** The market as one writes it by hand, for the same load. */
import { Effect } from "effect"
import { join } from "node:path"
import * as Disk from "../baseline/Disk.ts"
import * as Market from "../baseline/Market.ts"
import * as Wallet from "../baseline/Wallet.ts"
import type { Workload } from "../src/Workload.ts"

const opened = <A extends { readonly close: () => void }>(open: () => A | Promise<A>) =>
  Effect.acquireRelease(
    Effect.promise(async () => await open()),
    (it) => Effect.sync(it.close)
  )

const walletAt = (uri: string | undefined) =>
  opened(() => (uri === undefined ? Wallet.believing : Wallet.overNwc(uri)))

/** The provider sells, and this is how each customer buys; until the scope closes. */
export const open = Effect.fnUntraced(function* (workload: Workload, folder: string) {
  const { agents, listening, wallets, writes } = workload
  const [relay = ""] = workload.relays
  const person = Effect.fnUntraced(function* (name: string, uri: string | undefined) {
    const disk = yield* opened(() => Disk.open(join(folder, `${name}.db`)))
    return { relay, disk, wallet: yield* walletAt(uri) }
  })

  const seller = yield* person("provider", wallets[0])
  const provider = yield* opened(() => Market.provide(seller, writes.provider))
  const customer = Effect.fnUntraced(function* (index: number) {
    const buyer = yield* person(`customer-${index}`, wallets[index + 1])
    const { buy } = yield* opened(() =>
      Market.join(buyer, { provider, listening, writes: writes.customer })
    )
    return (prompt: string) => Effect.promise(() => buy(prompt))
  })
  return yield* Effect.forEach(
    Array.from({ length: agents }, (_, index) => index),
    customer
  )
})
