/** A market whose relay, bank and provider's book are there for several processes. */
import { RelayServer } from "@farthing/devnet"
import { SqlProviderBook } from "@farthing/provider"
import { Relay } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { BankBook } from "@farthing/wallet"
import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Town {
  /** Where the books stand. */
  readonly folder: string
  readonly relay: string
}

/** Until the scope closes. */
export const open = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "provider-town-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const { url } = yield* RelayServer.make({ store: { filename: join(folder, "relay.db") } })
  return { folder, relay: url } satisfies Town
})

/** The town as one process sees it. */
const layer = ({ folder, relay }: Town) => {
  const database = (name: string) => Sqlite.layer({ filename: join(folder, name) })
  return Layer.mergeAll(
    Relay.layer({ urls: [relay] }),
    BankBook.layer({ network: "regtest", lookAround: "100 millis" }).pipe(
      Layer.provide(database("bank.db"))
    ),
    SqlProviderBook.layer.pipe(Layer.provideMerge(database("provider.db")))
  )
}

/** Whoever lives in the town leaves it before its books are closed. */
export const livingIn =
  (town: Town) =>
  <A, E, R>(somebody: Effect.Effect<A, E, R>) =>
    somebody.pipe(Effect.scoped, Effect.provide(layer(town)))
