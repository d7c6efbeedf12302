/**
 * The SDK's wallet with what it lacks: calls that end, connections that close, and a gate before the
 * one call that locks money. Only this module and `SdkSession` import the SDK; both are loaded when a
 * wallet is opened, and not before.
 */
import type { ConfigOptions, SparkSigner, WalletConfigService } from "@buildonspark/spark-sdk"
import { ConnectionManager, SparkWallet } from "@buildonspark/spark-sdk"
import type { Transfer } from "@buildonspark/spark-sdk/proto/spark"
import type { LightningReceiveRequest, LightningSendRequest } from "@buildonspark/spark-sdk/types"
import { SparkUserRequestType } from "@buildonspark/spark-sdk/types"
import { AsyncLocalStorage } from "node:async_hooks"
import { isTooLittle } from "./SdkFailure.ts"
import * as Swap from "./Swap.ts"

/**
 * Passed right before leaves are locked in the transfer of this id. If it fails nothing is locked.
 */
export type Gate = (transferId: string) => Promise<void>

export interface Options {
  readonly config: ConfigOptions
  readonly signer: SparkSigner
  /** After how many milliseconds a call has failed that was not answered. */
  readonly patience: number
}

type Logging = ConstructorParameters<typeof ConnectionManager>[2]

type Credentials = ReturnType<ConnectionManager["createChannelCredentials"]>

const trusted = new Map<string, Credentials>()

/** Every call ends: with its answer, after a while, or with the wallet. */
class BoundedConnections extends ConnectionManager {
  readonly #closing = new AbortController()
  patience = 20_000

  /** When to give a call up; a stream goes on for as long as the wallet. */
  end(given: AbortSignal | null | undefined, isStream = false): AbortSignal {
    return AbortSignal.any([
      this.#closing.signal,
      ...(given ? [given] : []),
      ...(isStream ? [] : [AbortSignal.timeout(this.patience)])
    ])
  }

  /**
   * No wallet uses another's: the SDK closes shared channels too early where several wallets are opened
   * at once.
   */
  protected override makeChannelKey(address: string, stream?: boolean) {
    return `${this.sessionId}|${super.makeChannelKey(address, stream)}`
  }

  /** Reading the certificates that are trusted takes long; they are the same for all of a host's. */
  protected override createChannelCredentials(address: string): Credentials {
    const { hostname } = new URL(address)
    const found = trusted.get(hostname) ?? super.createChannelCredentials(address)
    trusted.set(hostname, found)
    return found
  }

  /** The SDK lets wallets of one key share an attempt, also one that another has given up. */
  protected override async authenticate(address: string) {
    try {
      return await super.authenticate(address)
    } catch (error) {
      if (this.#closing.signal.aborted) throw error
      return await super.authenticate(address)
    }
  }

  override async closeConnections() {
    this.#closing.abort()
    await super.closeConnections()
  }

  protected override createMiddleware(address: string) {
    const next = super.createMiddleware(address)
    const end = this.end.bind(this)
    return async function* <Req, Res>(
      call: Parameters<typeof next<Req, Res>>[0],
      options: Parameters<typeof next<Req, Res>>[1]
    ) {
      const signal = end(options.signal, call.method.responseStream)
      return yield* next<Req, Res>(call, { ...options, signal })
    }
  }

  protected override createAuthnMiddleware() {
    const next = super.createAuthnMiddleware()
    const end = this.end.bind(this)
    return async function* <Req, Res>(
      call: Parameters<typeof next<Req, Res>>[0],
      options: Parameters<typeof next<Req, Res>>[1]
    ) {
      return yield* next<Req, Res>(call, { ...options, signal: end(options.signal) })
    }
  }
}

export class SdkWallet extends SparkWallet {
  declare protected connectionManager: BoundedConnections
  /** The gate of the call that is under way, and of no other one for the same hash. */
  readonly #gates = new AsyncLocalStorage<Gate>()
  readonly #claims = new Map<string, ReturnType<SparkWallet["claimTransfer"]>>()

  constructor({ config, patience, signer }: Options) {
    super(config, signer)
    this.connectionManager.patience = patience
    this.#boundServiceProvider()
    this.#guardSwaps()
  }

  protected override buildConnectionManager(config: WalletConfigService, logging: Logging) {
    return new BoundedConnections(config, "identity", logging)
  }

  /** Connects and learns what the wallet has. */
  async start(seed: Uint8Array, account: number): Promise<void> {
    await this.initWallet(seed, account)
  }

  /** The service provider is asked over HTTP, with retries and without any end. */
  #boundServiceProvider() {
    const requester = this.#serviceProvider["requester"]
    const fetchImpl = requester["fetchImpl"]
    const bounded: typeof fetch = (input, init) =>
      fetchImpl(input, { ...init, signal: this.connectionManager.end(init?.signal) })
    Object.assign(requester, { fetchImpl: bounded })
  }

  /** Leaves are locked to a payment hash in this one call, whatever they are locked for. */
  #guardSwaps() {
    const lightning = this.lightningService
    const swap = lightning.swapNodesForPreimage.bind(lightning)
    lightning.swapNodesForPreimage = async (params) => {
      const gate = this.#gates.getStore()
      if (gate === undefined || params.transferID === undefined) {
        throw new Error("Nobody has recorded what is to be locked")
      }
      await gate(params.transferID)
      return await swap(params)
    }
  }

  /** Runs what locks money, once the gate lets it. */
  guarded<A>(gate: Gate, locking: () => Promise<A>): Promise<A> {
    return this.#gates.run(gate, () => this.#withFreshLeaves(locking))
  }

  /** What others did with the wallet's leaves may have been missed. */
  async #withFreshLeaves<A>(locking: () => Promise<A>): Promise<A> {
    try {
      return await locking()
    } catch (error) {
      if (!isTooLittle(error)) throw error
      await this.experimental_syncWallet()
      return await locking()
    }
  }

  /** Tells the service provider (again) to pay an invoice with what is locked in a transfer. */
  async requestSend(bolt11: string, transferId: string): Promise<void> {
    await this.#serviceProvider.requestLightningSend({
      encodedInvoice: bolt11,
      userOutboundTransferExternalId: transferId
    })
  }

  async findTransfer(transferId: string): Promise<Transfer | undefined> {
    return await this.transferService.queryTransfer(transferId)
  }

  /** Transfers that came or went, by type; newest first. */
  async listTransfers(
    types: Parameters<SdkWallet["transferService"]["queryAllTransfers"]>[0]["types"],
    page: { readonly limit: number; readonly offset: number }
  ): Promise<ReadonlyArray<Transfer>> {
    return (await this.transferService.queryAllTransfers({ ...page, types })).transfers
  }

  /** Once at a time, whoever has heard of the transfer. */
  protected override claimTransfer(claim: {
    readonly transfer: Transfer
    readonly emit?: boolean
  }) {
    const { id } = claim.transfer
    const underWay = this.#claims.get(id)
    if (underWay !== undefined) return underWay
    const claiming = super.claimTransfer(claim).finally(() => this.#claims.delete(id))
    this.#claims.set(id, claiming)
    return claiming
  }

  /** Takes what others have sent for good; one that cannot be taken keeps no other back. */
  async claimPending(): Promise<void> {
    const { transfers } = await this.transferService.queryPendingTransfers()
    const sent = transfers.filter((transfer) => Swap.stageOf(transfer) === "sent")
    const claims = await Promise.allSettled(
      sent.map((transfer) => this.claimTransfer({ transfer }))
    )
    for (const claim of claims) if (claim.status === "rejected") throw claim.reason
  }

  /** The invoices that the service provider made, a page at a time, newest first. */
  async listReceives(after: string | undefined) {
    const page = await this.getUserRequests({
      first: pageSize,
      types: [SparkUserRequestType.LIGHTNING_RECEIVE],
      ...(after === undefined ? {} : { after })
    })
    const received = (page?.entities ?? []).filter(isReceive)
    const { endCursor, hasNextPage = false } = page?.pageInfo ?? {}
    return { received, next: hasNextPage ? endCursor : undefined }
  }

  /** The payments that the service provider makes with transfers of ours. */
  async listSends(transferIds: ReadonlyArray<string>) {
    const found = await this.#serviceProvider.getTransfers([...transferIds])
    return found.flatMap(({ sparkId, userRequest }) =>
      sparkId !== undefined && userRequest !== undefined && isSend(userRequest)
        ? [
            {
              transferId: sparkId,
              bolt11: userRequest.encodedInvoice,
              preimage: userRequest.paymentPreimage
            }
          ]
        : []
    )
  }

  get #serviceProvider() {
    if (this.sspClient === null) throw new Error("There is no service provider")
    return this.sspClient
  }
}

const pageSize = 100

const isReceive = (request: object): request is LightningReceiveRequest =>
  "invoice" in request && "id" in request

const isSend = (request: object): request is LightningSendRequest => "encodedInvoice" in request
