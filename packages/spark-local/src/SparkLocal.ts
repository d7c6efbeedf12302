/**
 * Spark on one machine: operators and a service provider on loopback, to which the SDK talks as to
 * the hosted ones, with Lightning on the other side at a bank. For tests, and for markets without
 * money. The books live in memory: a wallet may come and go, the operators may not.
 *
 * It is not Spark's security. One process holds every operator's key, believes that the signatures
 * under transactions are good and signs none itself, so nobody could take leaves to a chain. What it
 * does prove is how a wallet gets on with operators that keep their books by the rules: who owns
 * what, what is locked and for how long, what a preimage opens, what a repeated call does. Callers do
 * prove their identity key, and only spend what is theirs.
 */
import { getNetworkFromSparkAddress, decodeSparkAddress } from "@buildonspark/spark-sdk"
import { Msat, Sat } from "@farthing/protocol"
import { Bank } from "@farthing/wallet"
import type { BankError } from "@farthing/wallet/Bank"
import type { SparkConnection } from "@farthing/wallet/SparkConnection"
import type { Scope } from "effect"
import { Context, Effect, Layer, Schema } from "effect"
import * as Audit from "./Audit.ts"
import * as Certificate from "./Certificate.ts"
import * as Faults from "./Faults.ts"
import * as Identity from "./Identity.ts"
import * as Ledger from "./Ledger.ts"
import * as LightningReceive from "./LightningReceive.ts"
import * as LightningSend from "./LightningSend.ts"
import type { CannotListen } from "./Loopback.ts"
import * as Messages from "./Messages.ts"
import * as Operator from "./Operator.ts"
import * as OperatorCalls from "./OperatorCalls.ts"
import * as OperatorQueries from "./OperatorQueries.ts"
import * as OperatorServer from "./OperatorServer.ts"
import type { Refused } from "./Refused.ts"
import * as ServiceProviderCalls from "./ServiceProviderCalls.ts"
import * as ServiceProviderServer from "./ServiceProviderServer.ts"
import * as Sessions from "./Sessions.ts"
import * as Statement from "./Statement.ts"
import * as UserRequests from "./UserRequests.ts"

export interface Options {
  /** What a Lightning payment costs, in whole sats; default 1 sat. */
  readonly fee?: Msat.Msat
  /** What the service provider's accounts at the bank are called; default `spark`. */
  readonly account?: string
  /** Put around everything that is done for a call, which has the name of its operation. */
  readonly around?: Faults.Around
}

export interface Shape {
  /** How a wallet reaches operators and service provider. */
  readonly connection: SparkConnection
  /** Sends new money (rounded down to sats) to a Spark address, in many small leaves. */
  readonly fund: (
    address: string,
    amount: Msat.Msat
  ) => Effect.Effect<void, UnknownAddress | Refused>
  readonly faults: Faults.Shape
  readonly audit: Effect.Effect<Audit.Audit>
  /** What the owner of a Spark address paid and was paid by payment hash, oldest first. */
  readonly statement: (address: string) => Effect.Effect<Statement.Statement, UnknownAddress>
}

export class SparkLocal extends Context.Service<SparkLocal, Shape>()(
  "@farthing/spark-local/SparkLocal"
) {}

/** Serves until the scope closes. */
export const make: (
  options?: Options
) => Effect.Effect<Shape, CannotListen | BankError, Bank.Bank | Scope.Scope> = Effect.fnUntraced(
  function* ({ account = "spark", around, fee = Msat.make(1000) }: Options = {}) {
    const bank = yield* Bank.Bank
    const accounts = { in: `${account} in`, out: `${account} out` }
    yield* bank.open(accounts.in)
    yield* bank.open(accounts.out, Sat.toMsat(capital))

    const operators = yield* Operator.makeThree
    const [coordinator] = operators
    const serviceProvider = yield* Identity.generate
    const { identity } = serviceProvider
    const mint = yield* Identity.generate
    const ledger = yield* Ledger.make({ operators, threshold, serviceProvider })
    yield* ledger.issueToVault(capital)

    const faults = yield* Faults.make(around)
    const requests = yield* UserRequests.make
    const sending = { identity, ledger, requests, fee: Sat.fromMsatCeil(fee) }
    const receive = yield* LightningReceive.make({ ...sending, account: accounts.in })
    const send = yield* LightningSend.make({ ...sending, account: accounts.out })
    const providerPort = yield* ServiceProviderServer.make({
      faults,
      calls: ServiceProviderCalls.make({
        ledger,
        receive,
        send,
        requests,
        sessions: yield* Sessions.make
      })
    })

    const messages = Messages.make({
      operators,
      threshold,
      leafOf: ledger.leaves.find,
      transferOf: ledger.findTransfer
    })
    const server = {
      ledger,
      messages,
      faults,
      calls: OperatorCalls.make({ operators, ledger, messages }),
      queries: OperatorQueries.make(ledger, messages),
      sessions: yield* Sessions.make,
      certificate: yield* Certificate.make
    }
    const ports = yield* Effect.forEach(operators, () => OperatorServer.make(server))

    return SparkLocal.of({
      connection: {
        operators: operators.map(({ id, identifier, key }, index) => ({
          id,
          identifier,
          address: `https://localhost:${ports[index]}`,
          identityPublicKey: key.identity
        })),
        coordinator: coordinator.identifier,
        threshold,
        serviceProvider: {
          url: `http://127.0.0.1:${providerPort}`,
          identityPublicKey: identity
        }
      },
      fund: Effect.fn("SparkLocal.fund")(function* (address, amount) {
        const receiver = yield* identityAt(address)
        yield* ledger.fund(mint, receiver, Sat.fromMsatFloor(amount))
      }),
      faults: faults.shape,
      audit: ledger.read(() => Audit.of(ledger)),
      statement: Effect.fnUntraced(function* (address) {
        const owner = yield* identityAt(address)
        return yield* ledger.read(() => Statement.of(ledger, requests, owner))
      })
    })
  }
)

export const layer = (options?: Options) => Layer.effect(SparkLocal, make(options))

/** Of three, as in Spark's own networks. */
const threshold = 2

/** What the service provider owns at the bank and in Spark, each: 10 BTC. */
const capital = Sat.make(1_000_000_000)

const identityAt = (address: string): Effect.Effect<Identity.Identity, UnknownAddress> =>
  Effect.try({
    try: () => {
      const network = getNetworkFromSparkAddress(address)
      return Identity.Identity.make(decodeSparkAddress(address, network).identityPublicKey)
    },
    catch: () => new UnknownAddress({ message: `${address} is no Spark address` })
  })

export class UnknownAddress extends Schema.TaggedError<UnknownAddress>()("UnknownAddress", {
  message: Schema.String
}) {}
