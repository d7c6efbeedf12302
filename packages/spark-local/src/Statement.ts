/** What an owner paid and was paid by payment hash, as operators and service provider know it. */
import type { Bolt11 } from "@farthing/protocol"
import { Sat } from "@farthing/protocol"
import type { Htlc } from "./Htlc.ts"
import type { Identity } from "./Identity.ts"
import type { Ledger } from "./Ledger.ts"
import type { UserRequests } from "./UserRequests.ts"

export interface Payment {
  readonly paymentHash: Bolt11.PaymentHash
  readonly amount: Sat.Sat
  /** What the service provider takes; nothing from Spark to Spark. */
  readonly fee: Sat.Sat
  readonly state: "pending" | "settled" | "failed"
}

export interface Receipt {
  readonly paymentHash: Bolt11.PaymentHash
  readonly amount: Sat.Sat
  readonly state: "held" | "settled" | "cancelled"
}

export interface Statement {
  readonly payments: ReadonlyArray<Payment>
  readonly receipts: ReadonlyArray<Receipt>
}

export const of = (ledger: Ledger, requests: UserRequests, owner: Identity): Statement => {
  const valueOf = ({ transferId }: Htlc) => ledger.findTransfer(transferId)?.value ?? free
  return {
    payments: ledger
      .htlcs()
      .filter(({ sender }) => sender === owner)
      .map((htlc) => {
        const fee = requests.send(htlc.transferId)?.fee ?? free
        return {
          paymentHash: htlc.paymentHash,
          amount: Sat.make(valueOf(htlc) - fee),
          fee,
          state: paid[htlc.state._tag]
        }
      }),
    receipts: ledger
      .htlcs()
      .filter(({ receiver }) => receiver === owner)
      .map((htlc) => ({
        paymentHash: htlc.paymentHash,
        amount: valueOf(htlc),
        state: received[htlc.state._tag]
      }))
  }
}

const paid = { Waiting: "pending", Revealed: "settled", Returned: "failed" } as const
const received = { Waiting: "held", Revealed: "settled", Returned: "cancelled" } as const

const free = Sat.make(0)
