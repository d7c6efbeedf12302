/** A market for agents: a real relay, a bank in a file, and providers whose words a test scripts. */
import { type Limits, Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { RelayServer } from "@farthing/devnet"
import { Key, Msat, Sat } from "@farthing/protocol"
import {
  ComputeProvider,
  InferenceBackend,
  RefundTreasury,
  SqlProviderBook
} from "@farthing/provider"
import { Relay, Signer } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { BankBook, LedgerWallet } from "@farthing/wallet"
import { Context, Duration, Effect, Layer, Stream } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Agent from "../../src/Agent.ts"
import { AgentBook } from "../../src/AgentBook.ts"
import * as Charter from "../../src/Charter.ts"
import * as SqlAgentBook from "../../src/SqlAgentBook.ts"
import * as ZapInvoices from "../../src/ZapInvoices.ts"

export const sats = (amount: number): Msat.Msat => Sat.toMsat(Sat.make(amount))

export const price = sats(10)

/** What the bank takes for each payment. */
export const fee = sats(1)

export interface Town {
  /** Where the books stand. */
  readonly folder: string
  readonly relay: string
}

/** Until the scope closes. */
export const open = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "agent-town-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const { url } = yield* RelayServer.make({ store: { filename: join(folder, "relay.db") } })
  return { folder, relay: url } satisfies Town
})

const database = ({ folder }: Town, name: string) =>
  Sqlite.layer({ filename: join(folder, name), synchronous: "NORMAL" })

/** The bank and the relays as one process sees them. */
export const streets = (town: Town) =>
  Layer.merge(
    Relay.layer({ urls: [town.relay], storedTimeout: "2 seconds", publishTimeout: "3 seconds" }),
    BankBook.layer({
      network: "regtest",
      fees: { base: fee, ppm: 0 },
      lookAround: "100 millis"
    }).pipe(Layer.provide(database(town, "bank.db")))
  )

/** What a model says to a prompt. */
export type Model = (prompt: string) => string

/** A provider whose model is the test's; it sells until the scope closes. */
export const seller = Effect.fnUntraced(function* (town: Town, model: Model) {
  let asked = 0
  const backend = InferenceBackend.InferenceBackend.of({
    name: "scripted",
    models: Effect.succeed(["small"]),
    infer: ({ prompt }) =>
      Stream.suspend(() => {
        asked++
        return Stream.fromIterable<InferenceBackend.Part>([
          { _tag: "Text", text: model(prompt) },
          { _tag: "Finish", reason: "stop", tokensIn: 1, tokensOut: 1 }
        ])
      })
  })
  const context = yield* Layer.build(
    ComputeProvider.layer({ name: "tern", network: "regtest", priceMsats: price }).pipe(
      Layer.provide(Layer.succeed(InferenceBackend.InferenceBackend, backend)),
      Layer.provide(RefundTreasury.layer({ network: "regtest" })),
      Layer.provide(LedgerWallet.layer({ account: "provider" })),
      Layer.provide(SqlProviderBook.layer),
      Layer.provide(database(town, "provider.db")),
      Layer.provide(Signer.layer(Key.generate()))
    )
  )
  yield* Context.get(context, ComputeProvider.ComputeProvider).online
  return { asked: () => asked }
})

export interface Settings {
  readonly limits?: Partial<Limits.Limits>
  readonly options?: Partial<Agent.Options>
  readonly compute?: Partial<ComputeClient.Options>
  readonly zaps?: ZapInvoices.ZapInvoices["Service"]
  readonly charter?: Partial<Charter.Charter>
  /** The account at the bank; default `agent`. */
  readonly account?: string
  /** The file of its home; default `agent.db`. */
  readonly home?: string
}

const limits: Limits.Limits = {
  reserve: Msat.zero,
  maxFee: sats(10),
  maxFeePercent: 1,
  wait: Duration.zero,
  timeZone: "UTC"
}

/** Everything an agent lives on, in a home of its own. */
export const home = (town: Town, secret: Key.SecretKey, settings: Settings = {}) =>
  Agent.layer({
    network: "regtest",
    lowBalanceDays: 0,
    hibernateBelow: Msat.zero,
    lease: "1 second",
    ...settings.options
  }).pipe(
    Layer.provideMerge(enrolled(secret, settings)),
    Layer.provideMerge(
      ComputeClient.layer({
        network: "regtest",
        discoveryTimeout: Duration.seconds(1),
        ...settings.compute
      })
    ),
    Layer.provideMerge(
      Treasury.layer({
        network: "regtest",
        lease: "1 second",
        limits: { ...limits, ...settings.limits }
      })
    ),
    Layer.provideMerge(LedgerWallet.layer({ account: settings.account ?? "agent" })),
    Layer.provideMerge(Signer.layer(secret)),
    Layer.provideMerge(SqlAgentBook.layer),
    Layer.provideMerge(database(town, settings.home ?? "agent.db")),
    Layer.provideMerge(
      settings.zaps === undefined
        ? ZapInvoices.layerNone
        : Layer.succeed(ZapInvoices.ZapInvoices, settings.zaps)
    )
  )

const enrolled = (secret: Key.SecretKey, { charter }: Settings) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { members } = yield* AgentBook
      yield* members.enrol({
        id: Key.publicKeyOf(secret),
        account: undefined,
        charter: Charter.make({ name: "heron", ...charter })
      })
    })
  )
