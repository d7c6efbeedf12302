/** What clients do at the operators, each in its own name. */
import { getSparkFrost, subtractPublicKeys } from "@buildonspark/spark-sdk"
import type {
  ClaimTransferRequest,
  GetSigningCommitmentsRequest,
  InitiatePreimageSwapRequest,
  InitiateSwapPrimaryTransferRequest,
  ProvidePreimageRequest,
  StartTransferRequest,
  StorePreimageShareV2Request,
  TransferPackage,
  UserSignedTxSigningJob
} from "@buildonspark/spark-sdk/proto/spark"
import { SendLeafKeyTweaks } from "@buildonspark/spark-sdk/proto/spark"
import { Bolt11, Hex } from "@farthing/protocol"
import { Effect } from "effect"
import type { Order } from "./Books.ts"
import * as Identity from "./Identity.ts"
import type { Claim, Ledger } from "./Ledger.ts"
import type { Messages } from "./Messages.ts"
import type { Operators } from "./Operator.ts"
import { Refused } from "./Refused.ts"
import type { Parcel } from "./Transfer.ts"

export type OperatorCalls = ReturnType<typeof make>

export interface Options {
  readonly operators: Operators
  readonly ledger: Ledger
  readonly messages: Messages
}

type Caller = Identity.Identity

export const make = ({ ledger, messages, operators }: Options) => {
  const [coordinator] = operators
  const transfersByKey = new Map<string, string>()

  /** The sender's packet for the coordinator; the other operators would find the same in theirs. */
  const parcelsOf = (transferPackage: TransferPackage | undefined) =>
    Effect.tryPromise({
      try: async (): Promise<ReadonlyArray<Parcel>> => {
        const cipher = transferPackage?.keyTweakPackage[coordinator.identifier] ?? nothing
        const bytes = await getSparkFrost().decryptEcies(cipher, coordinator.key.secret)
        return SendLeafKeyTweaks.decode(Uint8Array.from(bytes)).leavesToSend.map(
          ({ leafId, secretCipher, signature }) => ({ leafId, secretCipher, signature })
        )
      },
      catch: () => invalid("the transfer package")
    })

  const orderOf = Effect.fnUntraced(function* (
    request: StartTransferRequest | undefined,
    caller: Caller
  ): Effect.fn.Return<Order, Refused> {
    if (request === undefined) return yield* invalid("the transfer request")
    return {
      id: request.transferId,
      sender: caller,
      receiver: yield* parse("the receiver", () =>
        Identity.fromBytes(request.receiverIdentityPublicKey)
      ),
      parcels: yield* parcelsOf(request.transferPackage)
    }
  })

  const lock = Effect.fnUntraced(function* (request: InitiatePreimageSwapRequest, caller: Caller) {
    const order = yield* orderOf(request.transferRequest, caller)
    const paymentHash = yield* paymentHashOf(request)
    const expiresAt = request.transferRequest?.expiryTime?.getTime()
    if (expiresAt === undefined) return yield* invalid("the expiry time")
    return yield* ledger.lock({ ...order, paymentHash, expiresAt })
  })

  /** The operators' key to a leaf is what its owner's new one leaves of the verifying key. */
  const claimOf = ({ leafId, rawTx, signingPublicKey }: UserSignedTxSigningJob) =>
    parse(`leaf ${leafId}`, (): Claim => {
      const { verifyingKey } = ledger.leaves.find(leafId) ?? { verifyingKey: nothing }
      const operatorsKey = subtractPublicKeys(verifyingKey, signingPublicKey)
      return { leafId, operatorsKey, refundTx: rawTx }
    })

  return {
    /** Never aggregated, for nobody signs for the operators: a client needs them for its share. */
    get_signing_commitments: ({ count, nodeIdCount, nodeIds }: GetSigningCommitmentsRequest) => {
      const ofAll = Effect.forEach(operators, ({ identifier }) =>
        Effect.map(commitment, (made) => [identifier, made] as const)
      )
      const each = Effect.map(ofAll, (made) => ({
        signingNonceCommitments: Object.fromEntries(made)
      }))
      return Effect.map(
        Effect.replicateEffect(each, (nodeIds.length || nodeIdCount) * (count || 1)),
        (signingCommitments) => ({ signingCommitments })
      )
    },

    start_transfer_v2: Effect.fnUntraced(function* (request: StartTransferRequest, caller: Caller) {
      const order = yield* orderOf(request, caller)
      const transfer = yield* ledger.send(order, request.sparkInvoice)
      return { transfer: messages.transfer(transfer), signingResults: [] }
    }),

    claim_transfer: Effect.fnUntraced(function* (request: ClaimTransferRequest, caller: Caller) {
      const claims = yield* Effect.forEach(request.claimPackage?.leavesToClaim ?? [], claimOf)
      const transfer = yield* ledger.claim(request.transferId, caller, claims)
      return { transfer: messages.transfer(transfer) }
    }),

    /**
     * The answer names no leaves, for a client would want to aggregate the operators' signatures
     * over their refunds, which are none.
     */
    initiate_swap_primary_transfer: Effect.fnUntraced(function* (
      { transfer }: InitiateSwapPrimaryTransferRequest,
      caller: Caller
    ) {
      const offer = yield* ledger.offerForExchange(yield* orderOf(transfer, caller))
      return { transfer: { ...messages.transfer(offer), leaves: [] }, signingResults: [] }
    }),

    /** Whoever repeats a call under its idempotency key is told of the transfer that it began. */
    initiate_preimage_swap_v3: Effect.fnUntraced(function* (
      request: InitiatePreimageSwapRequest,
      caller: Caller,
      idempotencyKey: string | undefined
    ) {
      const key = `${caller} ${idempotencyKey ?? request.transferRequest?.transferId}`
      const transfer =
        ledger.findTransfer(transfersByKey.get(key) ?? "") ?? (yield* lock(request, caller))
      transfersByKey.set(key, transfer.id)
      return { preimage: nothing, transfer: messages.transfer(transfer) }
    }),

    provide_preimage: Effect.fnUntraced(function* (
      request: ProvidePreimageRequest,
      caller: Caller
    ) {
      const preimage = yield* parse("the preimage", () =>
        Bolt11.Preimage.make(Hex.fromBytes(request.preimage))
      )
      return { transfer: messages.transfer(yield* ledger.provide(preimage, caller)) }
    }),

    store_preimage_share_v2: Effect.fnUntraced(function* (
      request: StorePreimageShareV2Request,
      caller: Caller
    ) {
      const paymentHash = yield* paymentHashOf(request)
      yield* ledger.storeShares(caller, paymentHash, request.encryptedPreimageShares)
      return {}
    })
  }
}

const nothing = new Uint8Array()

const commitment = Effect.map(
  Effect.all([Identity.generate, Identity.generate]),
  ([hiding, binding]) => ({ hiding: hiding.publicKey, binding: binding.publicKey })
)

const paymentHashOf = ({ paymentHash }: { readonly paymentHash: Uint8Array }) =>
  parse("the payment hash", () => Bolt11.PaymentHash.make(Hex.fromBytes(paymentHash)))

const parse = <A>(what: string, read: () => A) =>
  Effect.try({ try: read, catch: () => invalid(what) })

const invalid = (what: string) =>
  new Refused({ code: "INVALID_ARGUMENT", message: `The call cannot be understood: ${what}` })
