/** NIP-47's methods, carried out on one account of a bank. */
import { Bolt11, Msat, Nip47 } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import type { Bank } from "@farthing/wallet"
import { Blocks } from "@farthing/wallet"
import { Effect, Option, Result } from "effect"
import * as AccountTransaction from "./AccountTransaction.ts"

export const methods = Nip47.Method.literals

export const notifications = Nip47.NotificationType.literals

export interface Options {
  readonly bank: Bank.Shape
  readonly account: string
}

/** Methods that change something: each request of theirs is carried out at most once. */
export const isOrder = ({ method }: Nip47.Request): boolean =>
  method === "pay_invoice" ||
  method === "make_invoice" ||
  method === "make_hold_invoice" ||
  method === "settle_hold_invoice" ||
  method === "cancel_hold_invoice"

/**
 * Carries the request out and returns the content of the answer. A payment that would start
 * after `expiresAt` (unix seconds) is refused.
 */
export const execute = (
  { account, bank }: Options,
  request: Nip47.Request,
  expiresAt: number
): Effect.Effect<string> => {
  switch (request.method) {
    case "pay_invoice":
      return respond("pay_invoice", pay(bank, account, request.params, expiresAt))
    case "make_invoice":
      return respond("make_invoice", makeInvoice(bank, account, request.params))
    case "make_hold_invoice":
      return respond("make_hold_invoice", makeInvoice(bank, account, request.params))
    case "settle_hold_invoice":
      return respond(
        "settle_hold_invoice",
        bank.settleHold(account, request.params.preimage).pipe(Effect.as({}), refusals)
      )
    case "cancel_hold_invoice":
      return respond(
        "cancel_hold_invoice",
        bank.cancelHold(account, request.params.payment_hash).pipe(Effect.as({}), refusals)
      )
    case "lookup_invoice":
      return respond("lookup_invoice", lookUp(bank, account, request.params))
    case "list_transactions":
      return respond("list_transactions", list(bank, account, request.params))
    case "get_balance":
      return respond(
        "get_balance",
        refusals(Effect.map(bank.balance(account), (balance) => ({ balance })))
      )
    case "get_info":
      return respond(
        "get_info",
        Effect.map(UnixTime.now, (now) => ({
          alias: `bank of ${bank.network}, account ${account}`,
          pubkey: bank.nodeId,
          network: bank.network,
          block_height: Blocks.tipAt(now).height,
          methods,
          notifications
        }))
      )
  }
}

/** Whether the account's payment of this invoice stands in the book, whatever became of it. */
export const hasPaid = ({ account, bank }: Options, bolt11: string) => {
  const paymentHash = hashIn(bolt11)
  return paymentHash === undefined
    ? Effect.succeed(false)
    : Effect.map(bank.findPayment(account, paymentHash), Option.isSome)
}

const respond = <M extends Nip47.Method>(
  method: M,
  outcome: Effect.Effect<Nip47.ResultOf<M>, Nip47.Refusal>
): Effect.Effect<string> =>
  Effect.map(Effect.result(outcome), (result) => Nip47.stringifyResponse(method, result))

const pay = Effect.fnUntraced(function* (
  bank: Bank.Shape,
  account: string,
  { amount, invoice }: (typeof Nip47.PayInvoice.Type)["params"],
  expiresAt: number
): Effect.fn.Return<Nip47.Paid, Nip47.Refusal> {
  const decoded = Bolt11.decode(invoice)
  if (Result.isFailure(decoded)) return yield* refuse("PAYMENT_FAILED", decoded.failure.message)
  if (amount !== undefined && !Option.contains(decoded.success.amount, amount)) {
    return yield* refuse("PAYMENT_FAILED", "The invoice is not of that amount")
  }
  const paid = yield* bank
    .pay(account, { invoice: decoded.success, maxFee: Msat.most, expiresAt })
    .pipe(
      Effect.catchTags({
        PaymentFailed: ({ message, reason }) =>
          refuse(
            reason === "insufficient_balance" ? "INSUFFICIENT_BALANCE" : "PAYMENT_FAILED",
            message
          ),
        PaymentUnknown: ({ message }) => refuse("INTERNAL", message)
      })
    )
  return { preimage: paid.preimage, ...(paid.fee === undefined ? {} : { fees_paid: paid.fee }) }
})

const makeInvoice = (
  bank: Bank.Shape,
  account: string,
  params: (typeof Nip47.MakeInvoice.Type | typeof Nip47.MakeHoldInvoice.Type)["params"]
): Effect.Effect<Nip47.Transaction, Nip47.Refusal> =>
  bank
    .makeInvoice(account, {
      amount: params.amount,
      description: params.description ?? "",
      expiry: `${params.expiry ?? defaultExpiry} seconds`,
      ...("payment_hash" in params ? holdTerms(params) : {})
    })
    .pipe(Effect.map(AccountTransaction.ofInvoice), refusals)

const holdTerms = (params: (typeof Nip47.MakeHoldInvoice.Type)["params"]) => ({
  paymentHash: params.payment_hash,
  ...(params.min_cltv_expiry_delta === undefined
    ? {}
    : { minFinalCltvDelta: params.min_cltv_expiry_delta })
})

/** BOLT 11's default, in seconds. */
const defaultExpiry = 3_600

const lookUp = Effect.fnUntraced(function* (
  bank: Bank.Shape,
  account: string,
  params: (typeof Nip47.LookupInvoice.Type)["params"]
): Effect.fn.Return<Nip47.Transaction, Nip47.Refusal> {
  const paymentHash = params.payment_hash ?? hashIn(params.invoice ?? "")
  if (paymentHash === undefined) return yield* refuse("OTHER", "No payment hash and no invoice")
  const invoice = yield* refusals(bank.findInvoice(account, paymentHash))
  if (Option.isSome(invoice)) return AccountTransaction.ofInvoice(invoice.value)
  const payment = yield* refusals(bank.findPayment(account, paymentHash))
  if (Option.isSome(payment)) return AccountTransaction.ofPayment(payment.value)
  return yield* refuse("NOT_FOUND", "This account has no such invoice or payment")
})

const hashIn = (bolt11: string): Bolt11.PaymentHash | undefined =>
  Result.match(Bolt11.decode(bolt11), {
    onFailure: () => undefined,
    onSuccess: ({ paymentHash }) => paymentHash
  })

const list = (
  bank: Bank.Shape,
  account: string,
  params: (typeof Nip47.ListTransactions.Type)["params"]
) =>
  bank.transactions(account, AccountTransaction.rangeOf(params)).pipe(
    Effect.map((statement) => ({ transactions: AccountTransaction.page(statement, params) })),
    refusals
  )

const refuse = (code: Nip47.ErrorCode, message: string) =>
  Effect.fail<Nip47.Refusal>({ code, message })

const refusals = <A>(effect: Effect.Effect<A, Bank.BankError>): Effect.Effect<A, Nip47.Refusal> =>
  Effect.mapError(effect, ({ reason }) => ({
    code: refusalCodes[reason._tag],
    message: reason.message
  }))

const refusalCodes = {
  UnknownAccount: "UNAUTHORIZED",
  UnknownInvoice: "NOT_FOUND",
  InvalidRequest: "OTHER",
  WrongState: "OTHER",
  BookUnavailable: "INTERNAL"
} as const satisfies Record<Bank.BankError["reason"]["_tag"], Nip47.ErrorCode>
