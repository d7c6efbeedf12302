/**
 * Relay and bank in a process of their own, with a fuse on the bank's book. A doom comes as a
 * line on stdin, because who is to die starts later.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { BankServer, RelayServer } from "@farthing/devnet"
import { Msat } from "@farthing/protocol"
import { Context, Effect, Layer, Redacted, Schema, Stdio, Stream } from "effect"
import { join } from "node:path"
import * as Ahead from "./Ahead.ts"
import * as FickleBank from "./FickleBank.ts"
import * as Fuse from "./Fuse.ts"
import * as FusedDatabase from "./FusedDatabase.ts"
import * as Lines from "./Lines.ts"
import * as Task from "./Task.ts"
import * as TownBank from "./TownBank.ts"

/** As `Devnet.make`. */
const serve = Effect.fnUntraced(function* ({ accounts, balance, folder, lot, port }: Task.Market) {
  const { url } = yield* RelayServer.make({ port, store: { filename: join(folder, "relay.db") } })
  const bank = BankServer.layer({ accounts, balance: Msat.make(balance), relays: [url] }).pipe(
    Layer.provide(
      lot === undefined ? TownBank.layer : FickleBank.layer(lot).pipe(Layer.provide(TownBank.layer))
    ),
    Layer.provide(FusedDatabase.layerAt(join(folder, "bank.db")))
  )
  const { connections } = Context.get(yield* Layer.build(bank), BankServer.BankServer)
  return {
    relay: url,
    ...Object.fromEntries(connections.map(({ account, nwc }) => [account, Redacted.value(nwc)]))
  }
})

/** Each line is a doom, from when it is read on. */
const listen = Effect.gen(function* () {
  const fuse = yield* Fuse.Fuse
  const stdio = yield* Stdio.Stdio
  yield* stdio.stdin.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.mapEffect((line) => decodeDoom(line)),
    Stream.runForEach((doom) => Effect.sync(() => fuse.arm(doom)))
  )
})

const decodeDoom = Schema.decodeEffect(Schema.fromJsonString(Fuse.Doom))

const live = Effect.fnUntraced(function* (task: Task.Market) {
  const of = yield* serve(task)
  yield* Effect.sync(() => Lines.say({ _tag: "Ready", of }))
  yield* listen
  return yield* Effect.never
}, Effect.scoped)

Task.market.pipe(
  Effect.flatMap((task) => live(task).pipe(Effect.provide(Fuse.layer(task)), Ahead.by(task.ahead))),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain()
)
