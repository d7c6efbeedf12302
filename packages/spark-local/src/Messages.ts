/** The operators' books in the words of their protocol. */
import { Hex } from "@farthing/protocol"
import type {
  PreimageRequestWithTransfer,
  Transfer as TransferMessage,
  TreeNode
} from "@buildonspark/spark-sdk/proto/spark"
import {
  Network,
  PreimageRequestStatus,
  TransferStatus,
  TransferType,
  TreeNodeStatus
} from "@buildonspark/spark-sdk/proto/spark"
import type { Htlc } from "./Htlc.ts"
import * as Identity from "./Identity.ts"
import type { Leaf } from "./Leaf.ts"
import type { Operators } from "./Operator.ts"
import type { Transfer } from "./Transfer.ts"

export type Messages = ReturnType<typeof make>

export interface Options {
  readonly operators: Operators
  readonly threshold: number
  readonly leafOf: (id: string) => Leaf | undefined
  readonly transferOf: (id: string) => Transfer | undefined
}

export const make = ({ leafOf, operators, threshold, transferOf }: Options) => {
  const node = (leaf: Leaf): TreeNode => ({
    id: leaf.id,
    treeId: leaf.id,
    value: leaf.value,
    nodeTx: leaf.nodeTx,
    refundTx: leaf.refundTx,
    vout: 0,
    verifyingPublicKey: leaf.verifyingKey,
    ownerIdentityPublicKey: Identity.toBytes(leaf.owner),
    signingKeyshare: {
      ownerIdentifiers: operators.map(({ identifier }) => identifier),
      threshold,
      publicKey: leaf.operatorsKey,
      publicShares: {},
      updatedTime: undefined
    },
    status: nodeStates[leaf.state].text,
    treenodeStatus: nodeStates[leaf.state].status,
    network: Network.REGTEST,
    createdTime: undefined,
    updatedTime: undefined,
    ownerSigningPublicKey: nothing,
    directTx: nothing,
    directRefundTx: nothing,
    directFromCpfpRefundTx: nothing
  })

  const transfer = (transfer: Transfer): TransferMessage => ({
    id: transfer.id,
    senderIdentityPublicKey: Identity.toBytes(transfer.sender),
    receiverIdentityPublicKey: Identity.toBytes(transfer.receiver),
    status: transferStates[transfer.state],
    type: transferKinds[transfer.kind],
    totalValue: transfer.value,
    createdTime: new Date(transfer.createdAt),
    updatedTime: new Date(transfer.updatedAt),
    expiryTime: transfer.expiresAt === undefined ? undefined : new Date(transfer.expiresAt),
    sparkInvoice: transfer.sparkInvoice,
    network: Network.REGTEST,
    leaves: transfer.parcels.flatMap(({ leafId, secretCipher, signature }) => {
      const leaf = leafOf(leafId)
      return leaf === undefined
        ? []
        : [
            {
              leaf: node(leaf),
              secretCipher,
              signature,
              intermediateRefundTx: leaf.refundTx,
              intermediateDirectRefundTx: nothing,
              intermediateDirectFromCpfpRefundTx: nothing,
              pendingKeyTweakPublicKey: nothing,
              transferReceiverId: "",
              transferSenderId: ""
            }
          ]
    }),
    receivers: [],
    senders: []
  })

  const htlc = (htlc: Htlc): PreimageRequestWithTransfer => {
    const locked = transferOf(htlc.transferId)
    return {
      paymentHash: Hex.toBytes(htlc.paymentHash),
      senderIdentityPubkey: Identity.toBytes(htlc.sender),
      receiverIdentityPubkey: Identity.toBytes(htlc.receiver),
      status: htlcStates[htlc.state._tag],
      createdTime: new Date(htlc.createdAt),
      transfer: locked && transfer(locked),
      preimage: htlc.state._tag === "Revealed" ? Hex.toBytes(htlc.state.preimage) : undefined
    }
  }

  return { node, transfer, htlc }
}

const nothing = new Uint8Array()

const nodeStates = {
  available: { text: "AVAILABLE", status: TreeNodeStatus.TREE_NODE_STATUS_AVAILABLE },
  locked: { text: "TRANSFER_LOCKED", status: TreeNodeStatus.TREE_NODE_STATUS_TRANSFER_LOCKED },
  incoming: { text: "TRANSFER_LOCKED", status: TreeNodeStatus.TREE_NODE_STATUS_TRANSFER_LOCKED },
  retired: { text: "SPLITTED", status: TreeNodeStatus.TREE_NODE_STATUS_SPLITTED }
} as const

export const transferStates = {
  locked: TransferStatus.TRANSFER_STATUS_SENDER_KEY_TWEAK_PENDING,
  sent: TransferStatus.TRANSFER_STATUS_SENDER_KEY_TWEAKED,
  completed: TransferStatus.TRANSFER_STATUS_COMPLETED,
  returned: TransferStatus.TRANSFER_STATUS_RETURNED
} as const

export const transferKinds = {
  plain: TransferType.TRANSFER,
  swap: TransferType.PREIMAGE_SWAP,
  exchange: TransferType.PRIMARY_SWAP_V3,
  change: TransferType.COUNTER_SWAP_V3
} as const

export const htlcStates = {
  Waiting: PreimageRequestStatus.PREIMAGE_REQUEST_STATUS_WAITING_FOR_PREIMAGE,
  Revealed: PreimageRequestStatus.PREIMAGE_REQUEST_STATUS_PREIMAGE_SHARED,
  Returned: PreimageRequestStatus.PREIMAGE_REQUEST_STATUS_RETURNED
} as const
