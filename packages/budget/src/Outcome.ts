/**
 * What a look-up proves about a payment. Pure: the same answer always proves the same.
 */
import { Bolt11 } from "@farthing/protocol"
import type { Msat } from "@farthing/protocol"
import type { Wallet } from "@farthing/wallet"
import { Option } from "effect"
import { isReleased } from "./Spend.ts"
import type { SpendRecord } from "./Spend.ts"

export type Outcome =
  | {
      readonly _tag: "Settled"
      readonly preimage: Bolt11.Preimage
      /** Undefined if the wallet does not say it. */
      readonly fee: Msat.Msat | undefined
      /** The wallet began it when the time for that was over. */
      readonly late: boolean
    }
  | { readonly _tag: "Failed"; readonly note: string }
  | Unfinished

export type Unfinished =
  /** The wallet has begun it: it may still settle or fail. */
  | { readonly _tag: "Begun"; readonly note: string }
  /** Nothing is proven. */
  | { readonly _tag: "Open"; readonly note: string }

/** What an outcome hangs on. */
type Judged = Pick<
  SpendRecord,
  | "paymentHash"
  | "state"
  | "preimage"
  | "invoiceExpiresAt"
  | "payExpiresAt"
  | "irreplaceable"
  | "lockEndsAt"
>

/**
 * Settled needs a preimage that hashes to the payment hash. A payment that the wallet does not
 * know has failed only once neither the request to pay nor the invoice can be executed any more,
 * by any clock that is off by at most `margin` seconds. Where the invoice is irreplaceable the request
 * alone counts: whoever pays next pays the same invoice, which its payee's node takes only once
 * (BOLT 4).
 *
 * A lock that the wallet does not know has failed only once nobody could take its money any more,
 * and one that was released only if the wallet says so.
 */
export const of = (
  spend: Judged,
  answer: Option.Option<Wallet.Outgoing>,
  time: { readonly now: number; readonly margin: number }
): Outcome =>
  Option.match(answer, {
    onNone: () =>
      time.now > lastExecution(spend) + time.margin && !isReleased(spend)
        ? failed("the wallet does not know it, and it cannot be executed any more")
        : open("the wallet does not know it yet"),
    onSome: (outgoing) => {
      if (outgoing.paymentHash !== spend.paymentHash)
        return open("the wallet told of another payment")
      switch (outgoing.state) {
        case "pending":
          return begun("the wallet is still at it")
        case "failed":
          return failed("the wallet says that it failed")
        case "settled":
          return Option.match(proofIn(spend, outgoing), {
            onNone: () => begun("the wallet says that it was paid, but has no proof"),
            onSome: (preimage) => ({
              _tag: "Settled",
              preimage,
              fee: Option.getOrUndefined(outgoing.fee),
              late: outgoing.createdAt > lastStart(spend) + time.margin
            })
          })
      }
    }
  })

/** What the wallet shows, or what we have released: it was taken with nothing else. */
const proofIn = (spend: Judged, { preimage }: Wallet.Outgoing): Option.Option<Bolt11.Preimage> =>
  Option.filter(preimage, proves(spend.paymentHash)).pipe(
    Option.orElse(() => Option.fromUndefinedOr(isReleased(spend) ? spend.preimage : undefined))
  )

/** Unix seconds; the wallet must not start the payment later. */
const lastStart = (spend: Pick<SpendRecord, "invoiceExpiresAt" | "payExpiresAt">): number =>
  spend.payExpiresAt ?? spend.invoiceExpiresAt

/** Unix seconds; what is executed later does not count as this payment any more. */
const lastExecution = (spend: Judged): number =>
  spend.lockEndsAt ??
  (spend.irreplaceable ? lastStart(spend) : Math.max(spend.invoiceExpiresAt, lastStart(spend)))

const failed = (note: string): Outcome => ({ _tag: "Failed", note })

const begun = (note: string): Outcome => ({ _tag: "Begun", note })

export const open = (note: string): Outcome => ({ _tag: "Open", note })

/** Whether the preimage is the proof of this payment, and not of another one. */
export const proves =
  (paymentHash: Bolt11.PaymentHash) =>
  (preimage: Bolt11.Preimage): boolean =>
    Bolt11.hashOf(preimage) === paymentHash
