/**
 * An action that lets money leave. The invoice is written down before it is paid, and the payment
 * is one purchase of the Treasury's: however often the process dies, it is made once.
 */
import { Treasury } from "@farthing/budget"
import { Bolt11, Channel, Key, Msat, type NostrEvent, Text } from "@farthing/protocol"
import { Effect, Option, Result, Schema } from "effect"
import type { Action, Paying } from "./Action.ts"
import type { Step } from "./AgentBook.ts"
import type { Body } from "./Body.ts"
import type { Charter } from "./Charter.ts"
import { type ActionRecord, paymentOf, tickId } from "./TickRecord.ts"
import { noteKind, zapRequestKind } from "./Mail.ts"
import { ZapUnavailable } from "./ZapInvoices.ts"

/** What is to be paid: the invoice that is written down already, or a new one. */
export const billFor = (body: Body, action: Paying): Effect.Effect<string, ZapUnavailable> => {
  switch (action._tag) {
    case "PayInvoice":
      return Effect.succeed(action.bolt11)
    case "ZapProfile":
      return zap(body, action.to, action.amount, [])
    case "ZapNote":
      return Effect.flatMap(authorOf(body, action.note), (author) =>
        zap(body, author, action.amount, [["e", action.note]])
      )
  }
}

/** Pays, or learns what became of a payment that was begun before. */
export const pay = Effect.fnUntraced(function* (
  body: Body,
  charter: Charter,
  record: ActionRecord,
  bolt11: string
) {
  const { economy, treasury } = body
  const purchase = paymentOf(record)
  const begun = yield* treasury.find(purchase)
  if (begun.length > 0) return yield* learn(body, record)
  const invoice = Result.getOrUndefined(Bolt11.decode(bolt11))
  if (invoice === undefined) return failed("the invoice cannot be read")
  return yield* treasury
    .pay({
      purchase,
      tick: tickId({ agent: record.agent, number: record.tick }),
      payee: payeeOf(record.action, invoice),
      invoice,
      cap: record.approved ? Msat.most : economy.perTick,
      approved: record.approved
    })
    .pipe(
      Effect.tap(({ paymentHash }) =>
        isVouchedFor(charter, record, invoice)
          ? treasury.conclude(paymentHash, "delivered")
          : Effect.void
      ),
      Effect.map(({ amount, fee }) => done(Msat.add(amount, fee))),
      Effect.catchTags({
        ApprovalRequired: ({ message }) => Effect.succeed<Step>({ to: "waiting", note: message }),
        BudgetExhausted: notPaid,
        PaymentRefused: notPaid,
        PaymentFailed: notPaid,
        WalletUnavailable: notPaid,
        PaymentUnknown: ({ message }) => Effect.succeed<Step>({ to: "unknown", note: message })
      })
    )
})

/** What the books, and the wallet where they do not know, say of a payment. */
export const learn = Effect.fnUntraced(function* ({ treasury }: Body, record: ActionRecord) {
  const purchase = paymentOf(record)
  const first = yield* treasury.find(purchase)
  const spends = first.some(isOpen)
    ? yield* Effect.andThen(
        Effect.catchTag(treasury.recover, "WalletUnavailable", () => Effect.void),
        treasury.find(purchase)
      )
    : first
  const settled = spends.find(({ state }) => state === "settled")
  if (settled !== undefined)
    return done(Msat.add(settled.amount, settled.fee ?? settled.allowedFee))
  return spends.some(isOpen)
    ? ({ to: "unknown", note: "the payment may have been made; it is looked up" } satisfies Step)
    : failed("nothing was paid")
})

/** A gift proves nobody; one that a person stands behind lets its payee be paid again. */
const isVouchedFor = (
  { trusted, trustedNodes }: Charter,
  { action, approved }: ActionRecord,
  { payee }: Bolt11.Invoice
): boolean =>
  approved ||
  (action._tag === "ZapProfile" && trusted.includes(action.to)) ||
  (action._tag === "PayInvoice" && trustedNodes.includes(payee))

/** Where nobody else is known, the key of the payee's node, without its sign. */
const payeeOf = (action: Action, { payee }: Bolt11.Invoice): Key.PublicKey =>
  action._tag === "ZapProfile" ? action.to : Key.PublicKey.make(payee.slice(2))

const isOpen = ({ state }: Treasury.SpendRecord): boolean =>
  state !== "settled" && state !== "failed"

const done = (cost: Msat.Msat): Step => ({ to: "done", cost })

const failed = (note: string): Step => ({ to: "failed", note })

const notPaid = ({ message }: { readonly message: string }) => Effect.succeed(failed(message))

const Profile = Schema.fromJsonString(Schema.Struct({ lud16: Schema.String }))

/** NIP-57: the recipient's own profile says where its zaps go. */
const zap = Effect.fnUntraced(function* (
  { relay, signer, zaps }: Body,
  to: Key.PublicKey,
  amount: Msat.Msat,
  about: NostrEvent.Tags
) {
  const profiles = yield* relay
    .query([{ kinds: [0], authors: [to], limit: 1 }])
    .pipe(Effect.mapError(({ message }) => new ZapUnavailable({ message })))
  const profile = Schema.decodeUnknownOption(Profile)(profiles[0]?.content)
  if (Option.isNone(profile))
    return yield* new ZapUnavailable({ message: "The recipient says nowhere how it is zapped." })
  const request = yield* signer.sign({
    kind: zapRequestKind,
    tags: [["relays", ...relay.urls], ["amount", String(amount)], ["p", to], ...about],
    content: ""
  })
  return yield* zaps.fetch({ lud16: profile.value.lud16.trim().toLowerCase(), amount, request })
})

const authorOf = Effect.fnUntraced(function* ({ relay }: Body, note: NostrEvent.EventId) {
  const [event] = yield* relay
    .query([{ ids: [note], kinds: [noteKind, Channel.messageKind, 30_023] }])
    .pipe(Effect.mapError(({ message }) => new ZapUnavailable({ message })))
  return event === undefined
    ? yield* new ZapUnavailable({ message: `No relay has the note ${Text.clip(note, 8)}.` })
    : event.pubkey
})
