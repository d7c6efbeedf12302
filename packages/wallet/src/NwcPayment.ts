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
      return Effect.fail(new PaymentFailed({ reason: "unreachable", message: error.message }))
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

/** Refusals that come before anything is tried. */
const refusals: Readonly<Record<string, FailureReason>> = {
  INSUFFICIENT_BALANCE: "insufficient_balance",
  QUOTA_EXCEEDED: "refused",
  RESTRICTED: "refused",
  UNAUTHORIZED: "refused",
  RATE_LIMITED: "refused",
  NOT_IMPLEMENTED: "refused",
  UNSUPPORTED_ENCRYPTION: "refused"
}

const refused = (payment: Payment, code: string, message: string): Ended => {
  const reason = refusals[code]
  if (reason !== undefined) {
    const failed = new PaymentFailed({ reason, message })
    return byRecord(payment, failed, failed)
  }
  // PAYMENT_FAILED comes after something was tried: it counts if the record agrees.
  return code === "PAYMENT_FAILED"
    ? byRecord(payment, new PaymentFailed({ reason: "no_route", message }))
    : byRecord(payment, unknown(payment, message))
}

/** What the record says, or else `absent`; `unreadable` if it cannot be read. */
const byRecord = (
  payment: Payment,
  absent: PaymentFailed | PaymentUnknown,
  unreadable: PaymentFailed | PaymentUnknown = unknown(payment, absent.message)
): Ended =>
  Effect.matchEffect(payment.record, {
    onFailure: () => Effect.fail(unreadable),
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
