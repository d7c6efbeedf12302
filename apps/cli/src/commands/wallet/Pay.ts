/**
 * `farthing wallet pay`: pays one invoice, once. It goes through the budget as every payment does:
 * the same limits, the same approval, the same books. Told to pay an invoice that it has paid, it
 * says so and pays nothing.
 */
import { Treasury } from "@farthing/budget"
import { Bolt11, Key, Msat, Sat, Text } from "@farthing/protocol"
import { Effect, Option, Schema } from "effect"
import { Argument, Command, Flag, Prompt } from "effect/cli"
import { randomUUID } from "node:crypto"
import * as Options from "../../Options.ts"
import { Output } from "../../Output.ts"
import * as PaymentTelling from "../../PaymentTelling.ts"
import { isPerson } from "../../Person.ts"
import * as Readiness from "../../Readiness.ts"
import * as Show from "../../Show.ts"
import { UsageError } from "../../UsageError.ts"

const bolt11 = Argument.String("bolt11").pipe(
  Argument.withDescription("The invoice: lnbc…, as it is or behind lightning:")
)

const flags = {
  maxFeeSats: Options.whole("max-fee-sats", {
    minimum: 0,
    maximum: Sat.fromMsatFloor(Msat.most)
  }).pipe(
    Flag.withDescription("The most that may be paid on top; never more than the limits allow"),
    Flag.optional
  ),
  yes: Flag.Boolean("yes").pipe(
    Flag.withDescription("Agree to a cost above the approval threshold, without being asked"),
    Flag.withDefault(false)
  )
}

type Input = Command.Command.Config.Infer<typeof flags>

const read = (text: string) =>
  Effect.fromResult(Bolt11.decode(text.trim().replace(/^lightning:/i, ""))).pipe(
    Effect.mapError(
      ({ message }) =>
        new UsageError({ message: `this is no invoice that can be paid (BOLT 11): ${message}` })
    )
  )

/** An invoice is a purchase of its own: there will be no other one for it. */
const purchaseOf = ({ paymentHash }: Bolt11.Invoice): Treasury.PurchaseId =>
  Treasury.PurchaseId.make(`invoice/${paymentHash}`)

const spendOf = (invoice: Bolt11.Invoice, { maxFeeSats, yes }: Input): Treasury.Spend => ({
  purchase: purchaseOf(invoice),
  tick: Treasury.TickId.make(randomUUID()),
  // A node's key, without the sign of its point.
  payee: Key.PublicKey.make(invoice.payee.slice(2)),
  invoice,
  cap: Option.match(Option.all([invoice.amount, maxFeeSats]), {
    onNone: () => Msat.most,
    onSome: ([amount, fee]) => Msat.add(amount, Sat.toMsat(Sat.make(fee)))
  }),
  approved: yes,
  irreplaceable: true
})

/** The payment of this invoice that there is already; fails where nobody knows what became of it. */
const formerly = Effect.fnUntraced(function* (invoice: Bolt11.Invoice) {
  const treasury = yield* Treasury.Treasury
  const find = treasury.find(purchaseOf(invoice))
  const before = yield* find
  const spends = before.some(isOpen) ? yield* Effect.andThen(lookUp, find) : before
  const open = spends.find(isOpen)
  if (open !== undefined)
    return yield* new Treasury.PaymentUnknown({
      paymentHash: invoice.paymentHash,
      message: `It is not known yet whether this invoice was paid (${open.state}${open.note === "" ? "" : `: ${Text.printable(open.note)}`}).`
    })
  return Option.fromUndefinedOr(spends.find(({ state }) => state === "settled"))
})

const isOpen = (spend: Treasury.SpendRecord): boolean =>
  spend.state !== "settled" && spend.state !== "failed"

/** A wallet that does not say what became of a payment leaves it unknown. */
const lookUp = Effect.gen(function* () {
  const output = yield* Output
  const treasury = yield* Treasury.Treasury
  yield* output.progress("looking up what became of an earlier payment …")
  yield* Effect.catchTag(treasury.recover, "WalletUnavailable", () => Effect.void)
})

/** A person in front of a terminal is asked; a program has to say it beforehand. */
const askPerson = Effect.fnUntraced(function* (required: Treasury.ApprovalRequired) {
  const output = yield* Output
  if (!(yield* isPerson)) return yield* required
  yield* output.note(
    `up to ${Show.cost(required.asked)} with the fee; you want to be asked above ${Show.balance(required.above)}`
  )
  const agrees = yield* Effect.tapError(Prompt.Confirm({ message: "Pay it?" }), () =>
    output.note(`\n${interruptedBefore}`)
  )
  if (!agrees) return yield* new NotApproved({ message: "you did not agree: nothing was paid" })
})

const interruptedBefore = "interrupted: nothing was paid."

const payOnce = Effect.fnUntraced(function* (spend: Treasury.Spend) {
  const output = yield* Output
  const treasury = yield* Treasury.Treasury
  yield* output.progress("asking the wallet …")
  yield* Readiness.forBuying
  yield* output.progress("paying …")
  return yield* treasury.pay(spend).pipe(
    Effect.catchTag("ApprovalRequired", (required) =>
      Effect.andThen(askPerson(required), treasury.pay({ ...spend, approved: true }))
    ),
    Effect.onInterrupt(() => tellOfInterruption(spend))
  )
})

/** Where the money is when somebody goes away. */
const tellOfInterruption = Effect.fnUntraced(function* ({ purchase }: Treasury.Spend) {
  const output = yield* Output
  const treasury = yield* Treasury.Treasury
  const left = yield* treasury.find(purchase).pipe(
    Effect.map((spends) => spends.some(({ state }) => state !== "failed")),
    Effect.orElseSucceed(() => true)
  )
  yield* output.note(
    left
      ? "interrupted while paying: the money may have left. It stays reserved; the same command again looks it up, and never pays twice."
      : interruptedBefore
  )
})

const paidBefore = "this invoice was paid before: nothing was paid now"

export const command = Command.make(
  "pay",
  { bolt11, ...flags },
  Effect.fnUntraced(function* ({ bolt11, ...input }) {
    const output = yield* Output
    const invoice = yield* read(bolt11)
    yield* output.note(PaymentTelling.intent(invoice))
    const payment = yield* Option.match(yield* formerly(invoice), {
      onNone: () => Effect.map(payOnce(spendOf(invoice, input)), PaymentTelling.ofSettled),
      onSome: (former) => Effect.as(output.note(paidBefore), PaymentTelling.ofRecord(former))
    })
    if (output.json) return yield* output.value(PaymentTelling.fields(payment))
    for (const line of PaymentTelling.lines(payment)) yield* output.line(line)
  })
).pipe(
  Command.withDescription("Pay an invoice, within the limits of the budget"),
  Command.withExamples([
    { command: "farthing wallet pay lnbc…", description: "Pay what an invoice asks" },
    { command: "farthing wallet pay lnbc… --max-fee-sats 2 --json", description: "For programs" }
  ])
)

/** A person was asked, and said no. */
export class NotApproved extends Schema.TaggedError<NotApproved>()("NotApproved", {
  message: Schema.String
}) {}
