/**
 * What a wallet's answer to `pay_invoice` says about the money. Wallets err and lie, so a failure
 * counts only where the wallet's own record of the payment does not contradict it.
 */
import type { Nip47 } from "@farthing/protocol"
import { Bolt11, Text } from "@farthing/protocol"
import { Effect, Option } from "effect"
import type { AskError } from "./NwcConnection.ts"
import type { FailureReason, Paid } from "./Payer.ts"
import { PaymentFailed, PaymentUnknown } from "./Payer.ts"
import type { Outgoing, WalletError } from "./Wallet.ts"

type Ended = Effect.Effect<Paid, PaymentFailed | PaymentUnknown>

export interface Payment {
  readonly paymentHash: Bolt11.PaymentHash
  /** The wallet's own record of it. */
  readonly record: Effect.Effect<Option.Option<Outgoing>, WalletError>
}

/** The wallet says that it has paid: only the preimage proves it. */
export const proven = (payment: Payment, { fees_paid, preimage }: Nip47.Paid): Ended => {
  if (preimage === undefined) {
    return byRecord(payment, unknown(payment, "The wallet says that it paid, and proves nothing"))
  }
  return Bolt11.hashOf(preimage) === payment.paymentHash
    ? Effect.succeed({ preimage, fee: fees_paid })
    : Effect.fail(unknown(payment, "The wallet showed the preimage of another payment"))
}

/** The wallet says that it has not paid, or nothing that helps. */
export const disproven = (payment: Payment, error: AskError): Ended => {
  switch (error._tag) {
    case "NotDelivered":
      return Effect.fail(
        new PaymentFailed({ reason: notSent[error.reason], message: error.message })
      )
    case "NoAnswer":
      return Effect.fail(unknown(payment, error.message))
    case "NotUnderstood":
      return byRecord(payment, unknown(payment, error.message))
    case "Refused":
      return refused(
        payment,
        error.code,
        `The wallet says ${Text.printable(error.code, 40)}: ${Text.printable(error.message)}`
      )
  }
}

const notSent = { unreachable: "unreachable", unsupported: "refused" } as const

/** What a wallet's refusal means; of any other nothing is known. */
const refusals: Readonly<Record<string, FailureReason>> = {
  INSUFFICIENT_BALANCE: "insufficient_balance",
  QUOTA_EXCEEDED: "refused",
  RESTRICTED: "refused",
  UNAUTHORIZED: "refused",
  RATE_LIMITED: "refused",
  NOT_IMPLEMENTED: "refused",
  UNSUPPORTED_ENCRYPTION: "refused",
  PAYMENT_FAILED: "no_route"
}

/** A refusal counts where the record agrees, and never where it cannot be read. */
const refused = (payment: Payment, code: string, message: string): Ended => {
  const reason = refusals[code]
  return byRecord(
    payment,
    reason === undefined ? unknown(payment, message) : new PaymentFailed({ reason, message })
  )
}

/** What the record says, or else `absent`; nothing is known while it cannot be read. */
const byRecord = (payment: Payment, absent: PaymentFailed | PaymentUnknown): Ended =>
  Effect.matchEffect(payment.record, {
    onFailure: () => Effect.fail(unknown(payment, absent.message)),
    onSuccess: Option.match({
      onNone: () => Effect.fail(absent),
      onSome: ({ fee, preimage, state }): Ended => {
        if (state === "settled" && Option.isSome(preimage)) {
          return Effect.succeed({ preimage: preimage.value, fee: Option.getOrUndefined(fee) })
        }
        return Effect.fail(
          state !== "failed"
            ? unknown(payment, absent.message)
            : absent._tag === "PaymentFailed"
              ? absent
              : new PaymentFailed({ reason: "no_route", message: absent.message })
        )
      }
    })
  })

const unknown = ({ paymentHash }: Payment, message: string) =>
  new PaymentUnknown({ paymentHash, message })
