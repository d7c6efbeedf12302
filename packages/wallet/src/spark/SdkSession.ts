/**
 * A wallet of the SDK that is open, in our own words: amounts in msat, hashes and keys in hex, typed
 * failures, and calls that end. Nothing else of the wallet sees the SDK.
 */
import type { ConfigOptions } from "@buildonspark/spark-sdk"
import {
  DefaultSparkSigner,
  encodeSparkAddress,
  getSspIdentityPublicKey
} from "@buildonspark/spark-sdk"
import { PreimageRequestRole, TransferType } from "@buildonspark/spark-sdk/proto/spark"
import type { Bolt11, Msat } from "@farthing/protocol"
import { Sat } from "@farthing/protocol"
import type { Scope } from "effect"
import { Duration, Effect, Option, PubSub, Redacted } from "effect"
import { hash } from "node:crypto"
import type { SparkConnection } from "../SparkConnection.ts"
import * as SdkFailure from "./SdkFailure.ts"
import * as SdkWallet from "./SdkWallet.ts"
import * as Swap from "./Swap.ts"

export interface Account {
  /** BIP-39, 64 bytes. */
  readonly seed: Redacted.Redacted<Uint8Array>
  readonly account: number
  readonly network: "mainnet" | "regtest"
  readonly local: SparkConnection | undefined
}

export interface Options extends Account {
  readonly answerTimeout: Duration.Duration
}

export interface Names {
  /** 33 bytes in hex. */
  readonly identity: string
  readonly address: string
}

/** An invoice that the service provider has made for us. */
export interface Receive {
  readonly requestId: string
  readonly bolt11: string
  /** The leaves that came for it. */
  readonly transferId: string | undefined
}

/** A payment that the service provider makes for us. */
export interface Send {
  readonly transferId: string
  readonly bolt11: string
  readonly preimage: string | undefined
}

export interface InvoiceOrder {
  readonly amount: Sat.Sat
  readonly description: string
  readonly expirySeconds: number
}

export interface Page {
  readonly limit: number
  readonly offset: number
}

type Failing<A> = Effect.Effect<A, SdkFailure.SdkFailure>

export type SdkSession = ReturnType<typeof over>

/** What a wallet is called, told without asking anybody. */
export const namesOf = (account: Account): Effect.Effect<Names> =>
  Effect.map(keysOf(account), ({ names }) => names)

/** Open until the scope closes; every call in flight ends then. */
export const open = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<ReturnType<typeof over>, SdkFailure.SdkFailure, Scope.Scope> {
  const { names, signer } = yield* keysOf(options)
  const events = yield* PubSub.sliding<true>(1)
  const tell = () => void PubSub.publishUnsafe(events, true)
  const connected = Promise.withResolvers<void>()
  const wallet = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new SdkWallet.SdkWallet({
          signer,
          patience: Duration.toMillis(options.answerTimeout),
          config: {
            ...configOf(options),
            events: {
              "stream:connected": () => connected.resolve(),
              "balance:update": tell,
              "transfer:claimed": tell
            }
          }
        })
    ),
    (wallet) => Effect.ignore(calling(() => wallet.cleanup()))
  )
  yield* calling(() => wallet.start(Redacted.value(options.seed), options.account))
  yield* calling(() => connected.promise)
  return over(wallet, names, options, events)
})

const over = (
  wallet: SdkWallet.SdkWallet,
  { address, identity }: Names,
  { answerTimeout, local, network }: Options,
  events: PubSub.PubSub<true>
) => {
  /** The SDK's own retries come on top of what its calls may take, so there is an end to them, too. */
  const ask = <A>(call: () => Promise<A>): Failing<A> =>
    Effect.timeoutOrElse(calling(call), {
      duration: answerTimeout,
      orElse: () => Effect.fail(silent)
    })

  const swaps = (
    role: PreimageRequestRole,
    query: Partial<Page> & { readonly paymentHashes?: Array<string> }
  ) =>
    Effect.map(
      ask(() => wallet.queryHTLC({ ...query, matchRole: role })),
      ({ preimageRequests }) =>
        preimageRequests.flatMap((it) => Option.toArray(Swap.fromMessage(it)))
    )

  return {
    identity,
    address,
    events,
    /** Its identity key. */
    serviceProvider:
      local?.serviceProvider.identityPublicKey ??
      getSspIdentityPublicKey(network === "mainnet" ? "MAINNET" : "REGTEST"),

    /** What can be spent now. */
    balance: Effect.flatMap(
      ask(() => wallet.getBalance()),
      ({ satsBalance }) => amountOf(Number(satsBalance.available))
    ),

    /** Takes what others have sent for good. */
    claimPending: ask(() => wallet.claimPending()),

    makeInvoice: (order: InvoiceOrder) =>
      Effect.map(
        ask(() => wallet.createLightningInvoice(termsOf(order))),
        receiveOf
      ),
    makeHoldInvoice: (order: InvoiceOrder & { readonly paymentHash: Bolt11.PaymentHash }) =>
      Effect.map(
        ask(() =>
          wallet.createLightningHodlInvoice({ ...termsOf(order), paymentHash: order.paymentHash })
        ),
        receiveOf
      ),

    /** An invoice that the service provider made; none if it does not know it. */
    findReceive: (requestId: string) =>
      Effect.map(
        ask(() => wallet.getLightningReceiveRequest(requestId)),
        (found) => Option.map(Option.fromNullishOr(found), receiveOf)
      ),

    /** The invoices that it made, newest first, one page after the other. */
    receives: (after?: string) =>
      Effect.map(
        ask(() => wallet.listReceives(after)),
        ({ next, received }) => ({ next, received: received.map(receiveOf) })
      ),

    /** The payments behind transfers of ours to the service provider. */
    sendsOf: (transferIds: ReadonlyArray<string>): Failing<ReadonlyArray<Send>> =>
      transferIds.length === 0 ? Effect.succeed([]) : ask(() => wallet.listSends(transferIds)),

    /** What is or was locked by us to one of these hashes. */
    sent: (paymentHashes: ReadonlyArray<Bolt11.PaymentHash>) =>
      Effect.map(
        swaps(PreimageRequestRole.PREIMAGE_REQUEST_ROLE_SENDER, {
          paymentHashes: [...paymentHashes]
        }),
        (found) => found.filter(({ sender }) => sender === identity)
      ),

    /** What is or was locked for us to one of these hashes. */
    received: (paymentHashes: ReadonlyArray<Bolt11.PaymentHash>) =>
      Effect.map(
        swaps(PreimageRequestRole.PREIMAGE_REQUEST_ROLE_RECEIVER, {
          paymentHashes: [...paymentHashes]
        }),
        (found) => found.filter(({ receiver }) => receiver === identity)
      ),

    allSent: (page: Page) => swaps(PreimageRequestRole.PREIMAGE_REQUEST_ROLE_SENDER, page),
    allReceived: (page: Page) => swaps(PreimageRequestRole.PREIMAGE_REQUEST_ROLE_RECEIVER, page),

    findTransfer: (transferId: string) =>
      Effect.map(
        ask(() => wallet.findTransfer(transferId)),
        (found) => (found === undefined ? Option.none() : Swap.transferOf(found))
      ),

    /** Money that moved without a payment hash, newest first. */
    transfers: (page: Page) =>
      Effect.map(
        ask(() =>
          wallet.listTransfers(
            [TransferType.TRANSFER, TransferType.COOPERATIVE_EXIT, TransferType.UTXO_SWAP],
            page
          )
        ),
        (found) => found.flatMap((it) => Option.toArray(Swap.transferOf(it)))
      ),

    /** What a Lightning payment will cost on top of its amount. */
    feeOf: (bolt11: string) =>
      Effect.flatMap(
        ask(() => wallet.getLightningSendFeeEstimate({ encodedInvoice: bolt11 })),
        amountOf
      ),

    /**
     * Locks leaves to the hash of an invoice, once the gate lets it, and tells the service provider to
     * pay it. May take as long as it takes.
     */
    pay: (order: {
      readonly invoice: Bolt11.Invoice
      readonly maxFee: Sat.Sat
      readonly gate: SdkWallet.Gate
    }) =>
      Effect.asVoid(
        calling(() =>
          wallet.guarded(order.gate, () =>
            wallet.payLightningInvoice({
              invoice: order.invoice.bolt11,
              maxFeeSats: order.maxFee,
              idempotencyKey: order.invoice.paymentHash
            })
          )
        )
      ),

    /** Tells the service provider (again) to pay an invoice with what is locked in that transfer. */
    requestSend: (bolt11: string, transferId: string) =>
      ask(() => wallet.requestSend(bolt11, transferId)),

    /** Locks leaves to the hash of a preimage, once the gate lets it. */
    lockHtlc: (order: {
      readonly address: string
      readonly amount: Sat.Sat
      readonly preimage: Redacted.Redacted<Bolt11.Preimage>
      /** Unix milliseconds. */
      readonly expiresAt: number
      readonly gate: SdkWallet.Gate
    }) =>
      Effect.asVoid(
        calling(() =>
          wallet.guarded(order.gate, () =>
            wallet.createHTLC({
              receiverSparkAddress: order.address,
              amountSats: order.amount,
              preimage: Redacted.value(order.preimage),
              expiryTime: new Date(order.expiresAt)
            })
          )
        )
      ),

    /** Shows the preimage, and takes what is locked to its hash. */
    claimHtlc: (preimage: Bolt11.Preimage) => Effect.asVoid(ask(() => wallet.claimHTLC(preimage)))
  }
}

const receiveOf = (
  made: Awaited<ReturnType<SdkWallet.SdkWallet["createLightningInvoice"]>>
): Receive => ({
  requestId: made.id,
  bolt11: made.invoice.encodedInvoice,
  transferId: made.transfer?.sparkId
})

const calling = <A>(call: () => Promise<A>): Failing<A> =>
  Effect.tryPromise({ try: call, catch: SdkFailure.fromUnknown })

const silent = new SdkFailure.SdkFailure({
  kind: "unreachable",
  message: "Spark did not answer in time"
})

const amountOf = (sats: number): Failing<Msat.Msat> =>
  Sat.is(sats)
    ? Effect.succeed(Sat.toMsat(sats))
    : Effect.fail(new SdkFailure.SdkFailure({ kind: "unreachable", message: "That is no amount" }))

const longestMemo = 639

/** What does not fit into an invoice is told by its hash (BOLT 11). */
const termsOf = ({ amount, description, expirySeconds }: InvoiceOrder) => {
  const bytes = Buffer.from(description)
  return {
    amountSats: amount,
    expirySeconds,
    ...(bytes.length <= longestMemo
      ? { memo: description }
      : { descriptionHash: hash("sha256", bytes) })
  }
}

const keysOf = ({ account, local, network, seed }: Account) =>
  Effect.promise(async () => {
    const signer = new DefaultSparkSigner()
    const identity = await signer.createSparkWalletFromSeed(Redacted.value(seed), account)
    const address = encodeSparkAddress({
      identityPublicKey: identity,
      network: local === undefined ? networks[network] : "LOCAL"
    })
    return { names: { identity, address } satisfies Names, signer }
  })

const networks = { mainnet: "MAINNET", regtest: "REGTEST" } as const

const configOf = ({ local, network }: Account): ConfigOptions =>
  local === undefined
    ? { ...quiet, network: networks[network] }
    : {
        ...quiet,
        network: "LOCAL",
        threshold: local.threshold,
        coordinatorIdentifier: local.coordinator,
        signingOperators: Object.fromEntries(local.operators.map((it) => [it.identifier, it])),
        sspClientOptions: {
          baseUrl: local.serviceProvider.url,
          identityPublicKey: local.serviceProvider.identityPublicKey,
          schemaEndpoint: "graphql/spark/rc"
        },
        // Their certificate is their own, and nobody else is on this machine's loopback.
        tls: { dangerouslyDisableCertificateVerification: true },
        // They exchange no leaves.
        optimizationOptions: { auto: false }
      }

/** Sats alone, and nothing on the console. */
const quiet = { log: false, tokenOptimizationOptions: { enabled: false } } as const
