/** A market for agents: a real relay, a bank in a file, and providers whose words a test scripts. */
import { RelayServer } from "@farthing/devnet"
import { Key, type Msat } from "@farthing/protocol"
import {
  ComputeProvider,
  InferenceBackend,
  RefundTreasury,
  SqlProviderBook
} from "@farthing/provider"
import { Signer } from "@farthing/relay"
import { LedgerWallet } from "@farthing/wallet"
import { Context, Effect, Layer, Stream } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Town, database, price } from "./Home.ts"

/** Until the scope closes. */
export const open = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "agent-town-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const { url } = yield* RelayServer.make({ store: { filename: join(folder, "relay.db") } })
  return { folder, relay: url } satisfies Town
})

/** What a model says to a prompt. */
export type Model = (prompt: string) => string

/** What a model says that says nothing, and that too late. */
export const silence = "…"

const tooLate = Effect.andThen(
  Effect.sleep("400 millis"),
  new InferenceBackend.InferenceError({ reason: "refused", message: "too late" })
)

let serial = 0

/** A provider whose model is the test's; it sells until the scope closes. */
export const seller = Effect.fnUntraced(function* (
  town: Town,
  model: Model,
  priceMsats: Msat.Msat = price
) {
  const name = `provider ${serial++}`
  let asked = 0
  const backend = InferenceBackend.InferenceBackend.of({
    name: "scripted",
    models: Effect.succeed(["small"]),
    infer: ({ prompt }) =>
      Stream.suspend(() => {
        asked++
        const text = model(prompt)
        if (text === silence) return Stream.fromEffect(tooLate)
        return Stream.fromIterable<InferenceBackend.Part>([
          { _tag: "Text", text },
          { _tag: "Finish", reason: "stop", tokensIn: 1, tokensOut: 1 }
        ])
      })
  })
  const context = yield* Layer.build(
    ComputeProvider.layer({ name: "tern", network: "regtest", priceMsats }).pipe(
      Layer.provide(Layer.succeed(InferenceBackend.InferenceBackend, backend)),
      Layer.provide(RefundTreasury.layer({ network: "regtest" })),
      Layer.provide(LedgerWallet.layer({ account: name })),
      Layer.provide(SqlProviderBook.layer),
      Layer.provide(database(town, `${name}.db`)),
      Layer.provide(Signer.layer(Key.generate()))
    )
  )
  yield* Context.get(context, ComputeProvider.ComputeProvider).online
  return { asked: () => asked }
})
