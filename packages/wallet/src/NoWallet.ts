/**
 * The wallet of somebody who has none yet: it does nothing but say what is missing. With it
 * everything works that moves no money.
 */
import { Context, Effect, Layer, Stream } from "effect"
import { Payer, PaymentFailed, PaymentUnknown } from "./Payer.ts"
import { Unsupported, Wallet, WalletError, WalletId } from "./Wallet.ts"

/** `message` says what to do to have a wallet. */
export const layer = (message: string): Layer.Layer<Wallet | Payer> => {
  const refused = Effect.fail(new PaymentFailed({ reason: "refused", message }))
  const missing = Effect.fail(new WalletError({ reason: new Unsupported({ message }) }))
  return Layer.succeedContext(
    Context.make(
      Wallet,
      Wallet.of({
        id: WalletId.make("none"),
        info: missing,
        balance: missing,
        address: missing,
        makeInvoice: () => missing,
        makeHoldInvoice: () => missing,
        quoteHtlc: () => missing,
        settleHoldInvoice: () => missing,
        cancelHoldInvoice: () => missing,
        lookupIncoming: () => missing,
        lookupOutgoing: () => missing,
        transactions: () => missing,
        incoming: Stream.unwrap(missing)
      })
    ).pipe(
      Context.add(
        Payer,
        Payer.of({
          capsFee: false,
          pay: () => refused,
          lock: () => refused,
          resume: ({ invoice: { paymentHash } }) =>
            Effect.fail(new PaymentUnknown({ paymentHash, message }))
        })
      )
    )
  )
}
