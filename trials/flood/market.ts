/** A process with the relay and the bank of the flood. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { BankServer, Devnet, RelayServer } from "@farthing/devnet"
import { Msat } from "@farthing/protocol"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook } from "@farthing/wallet"
import { Config, Context, Effect, Layer, Redacted } from "effect"
import { join } from "node:path"
import * as Attendant from "./Attendant.ts"
import { balance } from "./Answers.ts"

/** An odd amount, so that no msat gets lost unseen. */
const fees = { base: Msat.make(251), ppm: 0 }

const program = Effect.gen(function* () {
  const folder = yield* Config.String("FLOOD_FOLDER")
  const { url } = yield* RelayServer.make({ store: { filename: join(folder, "relay.db") } })
  const services = yield* Layer.build(
    BankServer.layer({ accounts: ["customer", "provider"], balance, relays: [url] }).pipe(
      Layer.provideMerge(BankBook.layer({ network: Devnet.network, fees })),
      Layer.provide(Sqlite.layer({ filename: join(folder, "bank.db") }))
    )
  )
  const { connections } = Context.get(services, BankServer.BankServer)
  const bank = Context.get(services, Bank.Bank)
  yield* Attendant.serve({
    addresses: Effect.succeed({
      relay: url,
      wallets: connections.map(({ nwc }) => Redacted.value(nwc))
    }),
    audit: Effect.gen(function* () {
      const { balances, findings, sum } = yield* bank.audit
      return {
        customer: balances.get("customer"),
        provider: balances.get("provider"),
        sum,
        findings
      }
    })
  })
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
