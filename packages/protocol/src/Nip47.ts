/**
 * Nostr Wallet Connect (NIP-47): what a client asks of a wallet service, and what it answers.
 * Amounts are in msat, times in unix seconds. Contents are encrypted (NIP-44 version 2); what
 * stands here is the JSON inside.
 */
import { Option, Result, Schema, SchemaGetter } from "effect"
import * as Bolt11 from "./Bolt11.ts"
import * as Field from "./Field.ts"
import * as Msat from "./Msat.ts"

export const Method = Schema.Literals([
  "pay_invoice",
  "make_invoice",
  "lookup_invoice",
  "list_transactions",
  "get_balance",
  "get_info",
  "make_hold_invoice",
  "cancel_hold_invoice",
  "settle_hold_invoice"
])
export type Method = typeof Method.Type

export const NotificationType = Schema.Literals([
  "payment_received",
  "payment_sent",
  "hold_invoice_accepted"
])
export type NotificationType = typeof NotificationType.Type

export const ErrorCode = Schema.Literals([
  "RATE_LIMITED",
  "NOT_IMPLEMENTED",
  "INSUFFICIENT_BALANCE",
  "QUOTA_EXCEEDED",
  "RESTRICTED",
  "UNAUTHORIZED",
  "INTERNAL",
  "UNSUPPORTED_ENCRYPTION",
  "PAYMENT_FAILED",
  "NOT_FOUND",
  "OTHER"
])
export type ErrorCode = typeof ErrorCode.Type

/** A code that is not known is read as `OTHER`. */
export const errorCode = (code: string): ErrorCode => (Schema.is(ErrorCode)(code) ? code : "OTHER")

/** A text of which wallets write `""` where they have none, read as missing. */
const optionalText = <S extends Schema.Codec<string, string>>(schema: S) =>
  Schema.optionalKey(Schema.NullOr(Schema.String)).pipe(
    Schema.decodeTo(Schema.optionalKey(schema), {
      decode: SchemaGetter.transformOptional(
        Option.filter((text: string | null): text is string => text !== null && text !== "")
      ),
      encode: SchemaGetter.passthroughSubtype<string | null, string>()
    })
  )

export const Direction = Schema.Literals(["incoming", "outgoing"])
export type Direction = typeof Direction.Type

/** `accepted`: an invoice whose payment is locked until it is settled or cancelled. */
export const TransactionState = Schema.Literals([
  "pending",
  "accepted",
  "settled",
  "expired",
  "failed"
])
export type TransactionState = typeof TransactionState.Type

/** Read in any case; a word that is not known says nothing. */
const optionalState = Schema.optionalKey(Schema.NullOr(Schema.String)).pipe(
  Schema.decodeTo(Schema.optionalKey(TransactionState), {
    decode: SchemaGetter.transformOptional((state: Option.Option<string | null>) =>
      state.pipe(
        Option.map((word) => word?.toLowerCase()),
        Option.filter(Schema.is(TransactionState))
      )
    ),
    encode: SchemaGetter.passthroughSubtype<string | null, TransactionState>()
  })
)

/** An invoice or a payment, as `make_invoice`, look-ups, lists and notifications show it. */
export const Transaction = Schema.Struct({
  type: Field.optional(Direction),
  state: optionalState,
  invoice: optionalText(Schema.NonEmptyString),
  description: Field.optional(Schema.String),
  description_hash: Field.optional(Schema.String),
  preimage: optionalText(Bolt11.Preimage),
  payment_hash: Bolt11.PaymentHash,
  amount: Msat.Msat,
  fees_paid: Field.optional(Msat.Msat),
  created_at: Field.optional(Field.Count),
  expires_at: Field.optional(Field.Count),
  settled_at: Field.optional(Field.Count),
  settle_deadline: Field.optional(Field.Count),
  metadata: Field.optional(Schema.Record(Schema.String, Schema.Unknown))
})
export interface Transaction extends Schema.Schema.Type<typeof Transaction> {}

const invoiceFields = {
  amount: Msat.Msat,
  description: Field.optional(Schema.String),
  description_hash: Field.optional(Schema.String),
  /** Seconds from now. */
  expiry: Field.optional(Field.Count)
}

const request = <M extends Method, F extends Schema.Struct.Fields>(method: M, params: F) =>
  Schema.Struct({ method: Schema.Literal(method), params: Schema.Struct(params) })

export const PayInvoice = request("pay_invoice", {
  invoice: Schema.String,
  amount: Field.optional(Msat.Msat)
})

export const MakeInvoice = request("make_invoice", invoiceFields)

/** By hash or by invoice; the hash counts if both are there. */
export const LookupInvoice = request("lookup_invoice", {
  payment_hash: optionalText(Bolt11.PaymentHash),
  invoice: optionalText(Schema.NonEmptyString)
})

export const ListTransactions = request("list_transactions", {
  from: Field.optional(Field.Count),
  until: Field.optional(Field.Count),
  limit: Field.optional(Field.Count),
  offset: Field.optional(Field.Count),
  unpaid: Field.optional(Schema.Boolean),
  type: Field.optional(Direction)
})

export const GetBalance = request("get_balance", {})

export const GetInfo = request("get_info", {})

export const MakeHoldInvoice = request("make_hold_invoice", {
  ...invoiceFields,
  payment_hash: Bolt11.PaymentHash,
  /** Blocks. */
  min_cltv_expiry_delta: Field.optional(Field.Count)
})

export const CancelHoldInvoice = request("cancel_hold_invoice", {
  payment_hash: Bolt11.PaymentHash
})

export const SettleHoldInvoice = request("settle_hold_invoice", { preimage: Bolt11.Preimage })

export const Request = Schema.Union([
  PayInvoice,
  MakeInvoice,
  LookupInvoice,
  ListTransactions,
  GetBalance,
  GetInfo,
  MakeHoldInvoice,
  CancelHoldInvoice,
  SettleHoldInvoice
])
export type Request = typeof Request.Type

/** Many wallets leave the fee out, and some the preimage. */
export const Paid = Schema.Struct({
  preimage: optionalText(Bolt11.Preimage),
  fees_paid: Field.optional(Msat.Msat)
})
export interface Paid extends Schema.Schema.Type<typeof Paid> {}

export const Info = Schema.Struct({
  alias: Field.optional(Schema.String),
  color: Field.optional(Schema.String),
  pubkey: Field.optional(Schema.String),
  network: Field.optional(Schema.String),
  block_height: Field.optional(Field.Count),
  block_hash: Field.optional(Schema.String),
  methods: Field.optional(Schema.Array(Schema.String)),
  notifications: Field.optional(Schema.Array(Schema.String))
})
export interface Info extends Schema.Schema.Type<typeof Info> {}

const Done = Schema.Struct({})

/** What a wallet answers to each method. */
export const results = {
  pay_invoice: Paid,
  make_invoice: Transaction,
  lookup_invoice: Transaction,
  list_transactions: Schema.Struct({ transactions: Schema.Array(Transaction) }),
  get_balance: Schema.Struct({ balance: Msat.Msat }),
  get_info: Info,
  make_hold_invoice: Transaction,
  cancel_hold_invoice: Done,
  settle_hold_invoice: Done
} satisfies Record<Method, Schema.Top>

export type ResultOf<M extends Method> = (typeof results)[M]["Type"]

/** The wallet's own word for what went wrong. */
export const Refusal = Schema.Struct({ code: Schema.String, message: Schema.String })
export interface Refusal extends Schema.Schema.Type<typeof Refusal> {}

/** A notification, told by the wallet when something happened to an invoice or a payment. */
export const Notification = Schema.Struct({
  notification_type: NotificationType,
  notification: Transaction
})
export interface Notification extends Schema.Schema.Type<typeof Notification> {}

/** A result under the name of its method, or the refusal in its place. */
const Envelope = Schema.Struct({
  result_type: Field.optional(Schema.String),
  error: Field.optional(
    Schema.Struct({ code: Schema.String, message: Field.optional(Schema.String) })
  ),
  result: Field.optional(Schema.Unknown)
})

const decodeEnvelope = Schema.decodeUnknownOption(Schema.fromJsonString(Envelope))

const decodeRequest = Schema.decodeUnknownOption(Schema.fromJsonString(Request))

const decodeMethod = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ method: Schema.String }))
)

/** The content of a request. */
export const stringifyRequest: (request: Request) => string = Schema.encodeSync(
  Schema.fromJsonString(Request)
)

/** For a wallet service: the request in a content, or the refusal that it deserves. */
export const parseRequest = (content: string): Result.Result<Request, Refusal> => {
  const method = Option.map(decodeMethod(content), ({ method }) => method)
  if (Option.isNone(method)) return Result.fail({ code: "OTHER", message: "not a request" })
  if (!Schema.is(Method)(method.value))
    return Result.fail({ code: "NOT_IMPLEMENTED", message: "no such method here" })
  return Result.fromOption(decodeRequest(content), () => ({
    code: "OTHER",
    message: `the parameters are not those of ${method.value}`
  }))
}

/** The content of an answer to a method. */
export const stringifyResponse = <M extends Method>(
  method: M,
  outcome: Result.Result<ResultOf<M>, Refusal>
): string =>
  JSON.stringify(
    Result.match(outcome, {
      onFailure: ({ code, message }) => ({
        result_type: method,
        error: { code, message },
        result: null
      }),
      onSuccess: (result) => ({
        result_type: method,
        error: null,
        result: Schema.encodeSync(results[method])(result)
      })
    })
  )

/** For a client: what the wallet answered; none if it is no answer to this method. */
export const parseResponse = <M extends Method>(
  method: M,
  content: string
): Option.Option<Result.Result<ResultOf<M>, Refusal>> =>
  Option.flatMap(decodeEnvelope(content), ({ error, result, result_type }) => {
    if (error !== undefined)
      return Option.some(Result.fail({ code: error.code, message: error.message ?? "" }))
    if (result_type !== undefined && result_type !== method) return Option.none()
    return Option.map(
      Schema.decodeUnknownOption(results[method])(result ?? (saysNothing(method) ? {} : undefined)),
      (value): Result.Result<ResultOf<M>, Refusal> => Result.succeed(value)
    )
  })

/** Methods whose success says nothing more; some wallets then send no result at all. */
const saysNothing = (method: Method): boolean =>
  method === "cancel_hold_invoice" || method === "settle_hold_invoice"

export const stringifyNotification: (notification: Notification) => string = Schema.encodeSync(
  Schema.fromJsonString(Notification)
)

/** The notification in a content; none if it is of no known type. */
export const parseNotification: (content: string) => Option.Option<Notification> =
  Schema.decodeUnknownOption(Schema.fromJsonString(Notification))
