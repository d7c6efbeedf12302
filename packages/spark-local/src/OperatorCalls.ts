/** What the operators are asked over gRPC, and how the ledger answers. */
import { subtractPublicKeys, getSparkFrost } from "@buildonspark/spark-sdk"
import type {
  ClaimTransferRequest,
  GetSigningCommitmentsRequest,
  InitiatePreimageSwapRequest,
  InitiateSwapPrimaryTransferRequest,
  ProvidePreimageRequest,
  QueryHtlcRequest,
  QueryNodesRequest,
  StartTransferRequest,
  StorePreimageShareV2Request,
  TransferFilter,
  TransferPackage
} from "@buildonspark/spark-sdk/proto/spark"
import { Order, PreimageRequestRole, SendLeafKeyTweaks } from "@buildonspark/spark-sdk/proto/spark"
import { Bolt11, Hex } from "@farthing/protocol"
import { Effect } from "effect"
import type { Htlc } from "./Htlc.ts"
import type { Order as TransferOrder } from "./Books.ts"
import * as Identity from "./Identity.ts"
import type { Ledger } from "./Ledger.ts"
import * as Messages from "./Messages.ts"
import type { Operators } from "./Operator.ts"
import { Refused } from "./Refused.ts"
import type { Parcel, Transfer } from "./Transfer.ts"

export type OperatorCalls = ReturnType<typeof make>

export interface Options {
  readonly operators: Operators
  readonly ledger: Ledger
  readonly messages: Messages.Messages
}

/** Each call is made by somebody, who proved it. */
export const make = ({ ledger, messages, operators }: Options) => {
  const [coordinator] = operators
  const transfersByKey = new Map<string, string>()

  /** The sender's packet for the coordinator; the other operators would find the same in theirs. */
  const parcelsOf = (transferPackage: TransferPackage | undefined) =>
    Effect.tryPromise({
      try: async (): Promise<ReadonlyArray<Parcel>> => {
        const cipher = transferPackage?.keyTweakPackage[coordinator.identifier]
        const bytes = await getSparkFrost().decryptEcies(
          cipher ?? new Uint8Array(),
          coordinator.key.secret
        )
        return SendLeafKeyTweaks.decode(Uint8Array.from(bytes)).leavesToSend.map(
          ({ leafId, secretCipher, signature }) => ({ leafId, secretCipher, signature })
        )
      },
      catch: () => invalid("The transfer package cannot be read")
    })

  const orderOf = Effect.fnUntraced(function* (
    request: StartTransferRequest | undefined,
    caller: Identity.Identity
  ): Effect.fn.Return<TransferOrder, Refused> {
    if (request === undefined) return yield* invalid("There is no transfer request")
    return {
      id: request.transferId,
      sender: caller,
      receiver: yield* identityOf(request.receiverIdentityPublicKey),
      parcels: yield* parcelsOf(request.transferPackage)
    }
  })

  const htlcsOf = (caller: Identity.Identity, request: QueryHtlcRequest) => {
    const hashes = new Set(request.paymentHashes.map(Hex.fromBytes))
    return [...ledger.htlcs()].filter(
      (htlc) =>
        plays(caller, htlc, request.matchRole) &&
        (hashes.size === 0 || hashes.has(htlc.paymentHash)) &&
        (request.transferIds.length === 0 || request.transferIds.includes(htlc.transferId)) &&
        (request.status === undefined || request.status === Messages.htlcStates[htlc.state._tag])
    )
  }

  return {
    query_nodes: ({ source }: QueryNodesRequest, caller: Identity.Identity) =>
      ledger.read(() => {
        const leaves =
          source?.$case === "nodeIds"
            ? source.nodeIds.nodeIds.flatMap((id) => ledger.leaves.find(id) ?? [])
            : [...ledger.leaves.all()].filter(
                ({ owner, state }) => owner === caller && state === "available"
              )
        return {
          nodes: Object.fromEntries(leaves.map((leaf) => [leaf.id, messages.node(leaf)])),
          offset: -1
        }
      }),

    query_pending_transfers: (filter: TransferFilter, caller: Identity.Identity) =>
      ledger.read(() =>
        page(
          filter,
          transfersOf(ledger, caller, filter).filter(
            ({ receiver, sender, state }) =>
              (state === "sent" && receiver === caller) || (state === "locked" && sender === caller)
          ),
          messages
        )
      ),

    query_all_transfers: (filter: TransferFilter, caller: Identity.Identity) =>
      ledger.read(() => page(filter, transfersOf(ledger, caller, filter), messages)),

    query_htlc: (request: QueryHtlcRequest, caller: Identity.Identity) =>
      ledger.read(() => {
        const { next, some } = cut(request, htlcsOf(caller, request).toReversed())
        return { preimageRequests: some.map(messages.htlc), offset: next }
      }),

    /**
     * Nobody signs for the operators, so no signature is ever aggregated from these; the client
     * only needs them to make its own share.
     */
    get_signing_commitments: ({ count, nodeIdCount, nodeIds }: GetSigningCommitmentsRequest) => {
      const commitment = Effect.map(
        Effect.all([Identity.generate, Identity.generate]),
        ([hiding, binding]) => ({ hiding: hiding.publicKey, binding: binding.publicKey })
      )
      const ofAll = Effect.forEach(operators, ({ identifier }) =>
        Effect.map(commitment, (made) => [identifier, made] as const)
      )
      return Effect.map(
        Effect.replicateEffect(ofAll, (nodeIds.length || nodeIdCount) * (count || 1)),
        (all) => ({
          signingCommitments: all.map((made) => ({
            signingNonceCommitments: Object.fromEntries(made)
          }))
        })
      )
    },

    start_transfer_v2: Effect.fnUntraced(function* (
      request: StartTransferRequest,
      caller: Identity.Identity
    ) {
      const transfer = yield* ledger.send(yield* orderOf(request, caller), request.sparkInvoice)
      return { transfer: messages.transfer(transfer), signingResults: [] }
    }),

    /**
     * The answer names no leaves, for a client would want to aggregate the operators' signatures
     * over their refunds, which are none.
     */
    initiate_swap_primary_transfer: Effect.fnUntraced(function* (
      { transfer: request }: InitiateSwapPrimaryTransferRequest,
      caller: Identity.Identity
    ) {
      const offer = yield* ledger.offerForExchange(yield* orderOf(request, caller))
      return { transfer: { ...messages.transfer(offer), leaves: [] }, signingResults: [] }
    }),

    /** A call that is repeated under the same idempotency key is answered as it was. */
    initiate_preimage_swap_v3: Effect.fnUntraced(function* (
      request: InitiatePreimageSwapRequest,
      caller: Identity.Identity,
      idempotencyKey: string | undefined
    ) {
      const key = idempotencyKey && `${caller} ${idempotencyKey}`
      const done = key && ledger.findTransfer(transfersByKey.get(key) ?? "")
      if (done) return { preimage: new Uint8Array(), transfer: messages.transfer(done) }
      const order = yield* orderOf(request.transferRequest, caller)
      const expiresAt = request.transferRequest?.expiryTime?.getTime()
      if (expiresAt === undefined) return yield* invalid("What is locked needs an expiry time")
      const paymentHash = Messages.hashOf(request.paymentHash)
      const transfer = yield* ledger.lock({ ...order, expiresAt, paymentHash })
      if (key) transfersByKey.set(key, transfer.id)
      return { preimage: new Uint8Array(), transfer: messages.transfer(transfer) }
    }),

    provide_preimage: Effect.fnUntraced(function* (
      request: ProvidePreimageRequest,
      caller: Identity.Identity
    ) {
      const preimage = Bolt11.Preimage.make(Hex.fromBytes(request.preimage))
      return { transfer: messages.transfer(yield* ledger.provide(preimage, caller)) }
    }),

    store_preimage_share_v2: (request: StorePreimageShareV2Request, caller: Identity.Identity) =>
      Effect.as(
        ledger.storeShares(
          caller,
          Messages.hashOf(request.paymentHash),
          request.encryptedPreimageShares
        ),
        {}
      ),

    /** The receiver takes its leaves under new keys; the operators' are what is left of each leaf's. */
    claim_transfer: Effect.fnUntraced(function* (
      { claimPackage, transferId }: ClaimTransferRequest,
      caller: Identity.Identity
    ) {
      const keys = yield* Effect.forEach(claimPackage?.leavesToClaim ?? [], (job) => {
        const leaf = ledger.leaves.find(job.leafId)
        return leaf === undefined
          ? Effect.fail(invalid(`There is no leaf ${job.leafId}`))
          : Effect.succeed({
              leafId: job.leafId,
              operatorsKey: subtractPublicKeys(leaf.verifyingKey, job.signingPublicKey),
              refundTx: job.rawTx
            })
      })
      return { transfer: messages.transfer(yield* ledger.claim(transferId, caller, keys)) }
    })
  }
}

const plays = (caller: Identity.Identity, htlc: Htlc, role: PreimageRequestRole): boolean => {
  switch (role) {
    case PreimageRequestRole.PREIMAGE_REQUEST_ROLE_SENDER:
      return htlc.sender === caller
    case PreimageRequestRole.PREIMAGE_REQUEST_ROLE_RECEIVER_AND_SENDER:
      return htlc.sender === caller || htlc.receiver === caller
    default:
      return htlc.receiver === caller
  }
}

const transfersOf = (
  ledger: Ledger,
  caller: Identity.Identity,
  { order, participant, statuses, timeFilter, transferIds, types }: TransferFilter
): ReadonlyArray<Transfer> => {
  const isOf = ({ receiver, sender }: Transfer) =>
    (participant?.$case !== "receiverIdentityPublicKey" && sender === caller) ||
    (participant?.$case !== "senderIdentityPublicKey" && receiver === caller)
  const isInTime = ({ createdAt }: Transfer) =>
    timeFilter === undefined ||
    (timeFilter.$case === "createdAfter"
      ? createdAt > timeFilter.createdAfter.getTime()
      : createdAt < timeFilter.createdBefore.getTime())
  const found = [...ledger.transfers()].filter(
    (transfer) =>
      isOf(transfer) &&
      isInTime(transfer) &&
      (transferIds.length === 0 || transferIds.includes(transfer.id)) &&
      (types.length === 0 || types.includes(Messages.transferKinds[transfer.kind])) &&
      (statuses.length === 0 || statuses.includes(Messages.transferStates[transfer.state]))
  )
  return order === Order.ASCENDING ? found : found.toReversed()
}

const page = (
  filter: TransferFilter,
  found: ReadonlyArray<Transfer>,
  messages: Messages.Messages
) => {
  const { next, some } = cut(filter, found)
  return { transfers: some.map(messages.transfer), offset: next }
}

/** A page of a list, and where the next one begins; −1 after the last. */
const cut = <A>(
  { limit, offset }: { readonly limit: number; readonly offset: number },
  all: ReadonlyArray<A>
) => {
  const end = offset + (limit > 0 ? Math.min(limit, mostInAPage) : mostInAPage)
  return { some: all.slice(offset, end), next: end < all.length ? end : -1 }
}

const mostInAPage = 100

const identityOf = (publicKey: Uint8Array) =>
  Effect.try({
    try: () => Identity.fromBytes(publicKey),
    catch: () => invalid("That is no identity")
  })

const invalid = (message: string) => new Refused({ code: "INVALID_ARGUMENT", message })
