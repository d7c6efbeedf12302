/** The wallet of an account of a bank in the same process. */
import { Context, Effect, Layer, Option, Stream } from "effect"
import type { IssuedInvoice } from "./Bank.ts"
import { Bank, BankError } from "./Bank.ts"
import * as NoHtlc from "./NoHtlc.ts"
import { Payer } from "./Payer.ts"
import type { Incoming } from "./Wallet.ts"
import { Wallet, WalletError, WalletId, WalletRefused, WalletUnreachable } from "./Wallet.ts"

export interface Options {
  /** The name of the account; it is opened if the bank does not know it. */
  readonly account: string
}

export const make = Effect.fnUntraced(function* ({ account }: Options) {
  const bank = yield* Bank
  yield* walletErrors(bank.open(account))

  // Two banks may know accounts of one name.
  const id = WalletId.make(`ledger:${bank.nodeId}:${account}`)

  const wallet = Wallet.of({
    id,
    info: Effect.succeed({
      id,
      alias: account,
      network: bank.network,
      capabilities: { hold: true, lock: true, htlc: false, feeCap: true }
    }),
    balance: walletErrors(bank.balance(account)),
    address: Effect.succeedNone,
    makeInvoice: (request) =>
      bank.makeInvoice(account, request).pipe(Effect.map(toIncoming), walletErrors),
    makeHoldInvoice: (request) =>
      bank.makeInvoice(account, request).pipe(Effect.map(toIncoming), walletErrors),
    quoteHtlc: NoHtlc.quoteHtlc,
    settleHoldInvoice: (preimage) => walletErrors(bank.settleHold(account, preimage)),
    cancelHoldInvoice: (paymentHash) => walletErrors(bank.cancelHold(account, paymentHash)),
    lookupIncoming: (paymentHash) =>
      bank.findInvoice(account, paymentHash).pipe(Effect.map(Option.map(toIncoming)), walletErrors),
    lookupOutgoing: (paymentHash) => walletErrors(bank.findPayment(account, paymentHash)),
    transactions: (range) =>
      bank.transactions(account, range).pipe(
        Effect.map(({ incoming, outgoing }) => ({
          incoming: incoming.map(toIncoming),
          outgoing,
          transfers: []
        })),
        walletErrors
      ),
    incoming: bank.changes(account).pipe(
      Stream.mapError(toWalletError),
      Stream.flatMap((change) =>
        change._tag === "Incoming" && isReceipt(change.incoming)
          ? Stream.succeed(toIncoming(change.incoming))
          : Stream.empty
      )
    )
  })

  const payer = Payer.of({
    capsFee: true,
    pay: (request) => bank.pay(account, request),
    lock: NoHtlc.invoicesOnly((request) => bank.lock(account, request)),
    resume: () => Effect.void
  })

  return Context.make(Wallet, wallet).pipe(Context.add(Payer, payer))
})

export const layer = (options: Options): Layer.Layer<Wallet | Payer, WalletError, Bank> =>
  Layer.effectContext(make(options))

const toIncoming = (invoice: IssuedInvoice): Incoming => ({
  paymentHash: invoice.paymentHash,
  bolt11: invoice.bolt11,
  amount: invoice.amount,
  state: invoice.state,
  heldUntil: invoice.heldUntil,
  createdAt: invoice.createdAt,
  settledAt: invoice.settledAt
})

const isReceipt = (incoming: Incoming): boolean =>
  incoming.state === "held" || incoming.state === "settled"

const walletErrors = <A, R>(effect: Effect.Effect<A, BankError, R>) =>
  Effect.mapError(effect, toWalletError)

const toWalletError = ({ reason }: BankError): WalletError => {
  const { message } = reason
  return new WalletError({
    reason:
      reason._tag === "BookUnavailable"
        ? new WalletUnreachable({ message })
        : new WalletRefused({ code: refusalCodes[reason._tag], message })
  })
}

/** NIP-47's words, so that callers meet the same ones in every wallet. */
const refusalCodes = {
  UnknownAccount: "UNAUTHORIZED",
  UnknownInvoice: "NOT_FOUND",
  InvalidRequest: "OTHER",
  WrongState: "OTHER"
} as const
