/** What a client may know of the operators' books: what is its own. */
import type {
  QueryHtlcRequest,
  QueryNodesRequest,
  TransferFilter
} from "@buildonspark/spark-sdk/proto/spark"
import { Order, PreimageRequestRole } from "@buildonspark/spark-sdk/proto/spark"
import { Hex } from "@farthing/protocol"
import type { Htlc } from "./Htlc.ts"
import type { Identity } from "./Identity.ts"
import type { Leaf } from "./Leaf.ts"
import type { Ledger } from "./Ledger.ts"
import * as Messages from "./Messages.ts"
import type { Transfer } from "./Transfer.ts"

export type OperatorQueries = ReturnType<typeof make>

export const make = (ledger: Ledger, messages: Messages.Messages) => {
  const leavesOf = (caller: Identity, { source }: QueryNodesRequest): ReadonlyArray<Leaf> =>
    source?.$case === "nodeIds"
      ? source.nodeIds.nodeIds.flatMap((id) => ledger.leaves.find(id) ?? [])
      : [...ledger.leaves.all()].filter(
          ({ owner, state }) => owner === caller && state === "available"
        )

  const transfersOf = (
    caller: Identity,
    filter: TransferFilter,
    isWanted: (transfer: Transfer) => boolean = () => true
  ) => {
    const found = ledger
      .transfers()
      .filter((transfer) => isPartyTo(caller, transfer, filter.participant) && isWanted(transfer))
      .filter((transfer) => fits(transfer, filter))
    const { next, some } = page(
      filter,
      filter.order === Order.ASCENDING ? found : found.toReversed()
    )
    return { transfers: some.map(messages.transfer), offset: next }
  }

  return {
    query_nodes: (request: QueryNodesRequest, caller: Identity) =>
      ledger.read(() => {
        const leaves = leavesOf(caller, request)
        const nodes = Object.fromEntries(leaves.map((leaf) => [leaf.id, messages.node(leaf)]))
        return { nodes, offset: -1 }
      }),

    query_all_transfers: (filter: TransferFilter, caller: Identity) =>
      ledger.read(() => transfersOf(caller, filter)),

    /** To be claimed by the caller, or locked by it. */
    query_pending_transfers: (filter: TransferFilter, caller: Identity) =>
      ledger.read(() =>
        transfersOf(caller, filter, ({ receiver, sender, state }) =>
          state === "sent" ? receiver === caller : state === "locked" && sender === caller
        )
      ),

    query_htlc: (request: QueryHtlcRequest, caller: Identity) =>
      ledger.read(() => {
        const found = ledger
          .htlcs()
          .filter((htlc) => plays(caller, htlc, request.matchRole) && isAskedFor(htlc, request))
        const { next, some } = page(request, found.toReversed())
        return { preimageRequests: some.map(messages.htlc), offset: next }
      })
  }
}

const isPartyTo = (
  caller: Identity,
  { receiver, sender }: Transfer,
  participant: TransferFilter["participant"]
): boolean =>
  (participant?.$case !== "receiverIdentityPublicKey" && sender === caller) ||
  (participant?.$case !== "senderIdentityPublicKey" && receiver === caller)

const fits = (
  { createdAt, id, kind, state }: Transfer,
  { statuses, timeFilter, transferIds, types }: TransferFilter
): boolean =>
  isAmong(transferIds, id) &&
  isAmong(types, Messages.transferKinds[kind]) &&
  isAmong(statuses, Messages.transferStates[state]) &&
  (timeFilter?.$case !== "createdAfter" || createdAt > timeFilter.createdAfter.getTime()) &&
  (timeFilter?.$case !== "createdBefore" || createdAt < timeFilter.createdBefore.getTime())

const isAskedFor = (
  { paymentHash, state, transferId }: Htlc,
  { paymentHashes, status, transferIds }: QueryHtlcRequest
): boolean =>
  isAmong(paymentHashes.map(Hex.fromBytes), paymentHash) &&
  isAmong(transferIds, transferId) &&
  (status === undefined || status === Messages.htlcStates[state._tag])

/** No names are all names. */
const isAmong = <A>(names: ReadonlyArray<A>, name: A): boolean =>
  names.length === 0 || names.includes(name)

const plays = (caller: Identity, htlc: Htlc, role: PreimageRequestRole): boolean => {
  switch (role) {
    case PreimageRequestRole.PREIMAGE_REQUEST_ROLE_SENDER:
      return htlc.sender === caller
    case PreimageRequestRole.PREIMAGE_REQUEST_ROLE_RECEIVER_AND_SENDER:
      return htlc.sender === caller || htlc.receiver === caller
    default:
      return htlc.receiver === caller
  }
}

/** A page of a list, and where the next one begins; −1 after the last. */
const page = <A>(
  { limit, offset }: { readonly limit: number; readonly offset: number },
  all: ReadonlyArray<A>
) => {
  const end = offset + (limit > 0 ? Math.min(limit, mostInAPage) : mostInAPage)
  return { some: all.slice(offset, end), next: end < all.length ? end : -1 }
}

const mostInAPage = 100
