/** What agents live on in a town: its streets, and a home of their own. */
import { type Limits, Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Key, Msat, Sat } from "@farthing/protocol"
import { Relay, Signer } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { BankBook, LedgerWallet } from "@farthing/wallet"
import { type Context, Duration, Effect, Layer } from "effect"
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

/** One of its books. */
export const database = ({ folder }: Town, name: string) =>
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
  /** How the agent sees its book, its treasury and the market, if not as they are. */
  readonly seen?: Partial<Seen>
}

export interface Seen {
  readonly book: (real: AgentBook["Service"]) => AgentBook["Service"]
  readonly treasury: (real: Treasury.Shape) => Treasury.Shape
  readonly compute: (real: ComputeClient.Shape) => ComputeClient.Shape
}

/** A service as it is seen, over the real one. */
const seen = <I, S>(
  key: Context.Key<I, S>,
  change: ((real: S) => S) | undefined
): Layer.Layer<I, never, I> => Layer.effect(key, Effect.map(key, change ?? ((real) => real)))

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
    Layer.provideMerge(seen(AgentBook, settings.seen?.book)),
    Layer.provideMerge(seen(ComputeClient.ComputeClient, settings.seen?.compute)),
    Layer.provideMerge(
      ComputeClient.layer({
        network: "regtest",
        budget: settings.account ?? "agent",
        discoveryTimeout: Duration.seconds(1),
        ...settings.compute
      })
    ),
    Layer.provideMerge(seen(Treasury.Treasury, settings.seen?.treasury)),
    Layer.provideMerge(
      Treasury.layer({
        network: "regtest",
        budget: settings.account ?? "agent",
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
