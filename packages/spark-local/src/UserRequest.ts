/** What a wallet asked the service provider for, in the words of its GraphQL interface. */
import type { Bolt11 } from "@farthing/protocol"
import { Sat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import type { Identity } from "./Identity.ts"
import type { Transfer } from "./Transfer.ts"

interface Common {
  readonly id: string
  readonly user: Identity
  /** Unix seconds. */
  readonly createdAt: number
  readonly updatedAt: number
  readonly bolt11: string
  readonly paymentHash: Bolt11.PaymentHash
  readonly amount: Sat.Sat
  readonly preimage: Bolt11.Preimage | undefined
}

export interface Receive extends Common {
  readonly _tag: "Receive"
  readonly memo: string
  readonly expiresAt: number
  readonly status: "INVOICE_CREATED" | "TRANSFER_CREATED" | "TRANSFER_COMPLETED" | "TRANSFER_FAILED"
  /** The leaves for the user, once somebody has paid. */
  readonly transferId: string | undefined
}

export interface Send extends Common {
  readonly _tag: "Send"
  readonly fee: Sat.Sat
  readonly status: "LIGHTNING_PAYMENT_INITIATED" | "TRANSFER_COMPLETED" | "USER_SWAP_RETURNED"
  /** The leaves from the user. */
  readonly transferId: string
}

export type UserRequest = Receive | Send

export const kindOf = ({ _tag }: UserRequest) =>
  _tag === "Send" ? "LIGHTNING_SEND" : "LIGHTNING_RECEIVE"

export const toJson = (request: UserRequest) =>
  request._tag === "Send" ? sendToJson(request) : receiveToJson(request)

export const sats = (amount: Sat.Sat) => ({
  __typename: "CurrencyAmount",
  currency_amount_original_value: amount,
  currency_amount_original_unit: "SATOSHI"
})

const receiveToJson = (request: Receive) => ({
  __typename: "LightningReceiveRequest",
  lightning_receive_request_id: request.id,
  lightning_receive_request_created_at: UnixTime.toISOString(request.createdAt),
  lightning_receive_request_updated_at: UnixTime.toISOString(request.updatedAt),
  lightning_receive_request_network: "REGTEST",
  lightning_receive_request_status: request.status,
  lightning_receive_request_payment_preimage: request.preimage,
  lightning_receive_request_transfer: transferToJson(request),
  lightning_receive_request_invoice: {
    __typename: "Invoice",
    invoice_encoded_invoice: request.bolt11,
    invoice_bitcoin_network: "REGTEST",
    invoice_payment_hash: request.paymentHash,
    invoice_amount: sats(request.amount),
    invoice_created_at: UnixTime.toISOString(request.createdAt),
    invoice_expires_at: UnixTime.toISOString(request.expiresAt),
    invoice_memo: request.memo
  }
})

const sendToJson = (request: Send) => ({
  __typename: "LightningSendRequest",
  lightning_send_request_id: request.id,
  lightning_send_request_created_at: UnixTime.toISOString(request.createdAt),
  lightning_send_request_updated_at: UnixTime.toISOString(request.updatedAt),
  lightning_send_request_network: "REGTEST",
  lightning_send_request_status: request.status,
  lightning_send_request_encoded_invoice: request.bolt11,
  lightning_send_request_fee: sats(request.fee),
  lightning_send_request_idempotency_key: request.transferId,
  lightning_send_request_payment_preimage: request.preimage,
  lightning_send_request_transfer: transferToJson(request)
})

/** The exchange of leaves, of which only the transfer to the user needs to be known. */
export const exchangeToJson = (change: Transfer) => ({
  __typename: "LeavesSwapRequest",
  leaves_swap_request_id: `LeavesSwapRequest:${change.id}`,
  leaves_swap_request_created_at: dateOf(change.createdAt),
  leaves_swap_request_updated_at: dateOf(change.updatedAt),
  leaves_swap_request_network: "REGTEST",
  leaves_swap_request_status: "SUCCEEDED",
  leaves_swap_request_total_amount: sats(change.value),
  leaves_swap_request_target_amount: sats(change.value),
  leaves_swap_request_fee: sats(Sat.make(0)),
  leaves_swap_request_inbound_transfer: {
    __typename: "Transfer",
    transfer_total_amount: sats(change.value),
    transfer_spark_id: change.id
  },
  leaves_swap_request_swap_leaves: change.parcels.map(({ leafId }) => ({
    __typename: "SwapLeaf",
    swap_leaf_leaf_id: leafId
  }))
})

const dateOf = (millis: number): string => UnixTime.toISOString(UnixTime.fromMillis(millis))

export const transferToJson = (request: UserRequest) =>
  request.transferId === undefined
    ? undefined
    : {
        __typename: "Transfer",
        transfer_total_amount: sats(request.amount),
        transfer_spark_id: request.transferId,
        transfer_user_request: { id: request.id }
      }
