/**
 * A bank that errs and lies on demand, so that tests can see what becomes of the money. Faults
 * wait in a queue; each is used once, and where none waits the bank is the true one. The book
 * itself stays whole: what is said is wrong, not what is written.
 */
import { Bolt11, Msat } from "@farthing/protocol"
import type { Duration } from "effect"
import { Context, Effect, Layer, Option } from "effect"
import type { Shape as BankShape } from "./Bank.ts"
import { Bank } from "./Bank.ts"
import { randomSecret } from "./BankKeys.ts"
import type { FailureReason, Locked, PayRequest } from "./Payer.ts"
import { PaymentFailed, PaymentUnknown } from "./Payer.ts"

/** What goes wrong with a payment; where it is a lock, paying means locking. */
export type PayFault =
  /** Nothing is paid, and the bank says so. */
  | { readonly _tag: "FailBeforePaying"; readonly reason: FailureReason }
  /** Nothing is paid, and no answer comes. */
  | { readonly _tag: "SilenceBeforePaying" }
  /** Nothing is paid, and the bank does not know it. */
  | { readonly _tag: "BreakBeforePaying" }
  /** The bank pays and says that it failed. */
  | { readonly _tag: "PayThenFail"; readonly reason: FailureReason }
  /** The bank pays and never answers. */
  | { readonly _tag: "PayThenSilence" }
  /** The bank pays and does not know it. */
  | { readonly _tag: "PayThenBreak" }
  /** The bank takes its time, then pays and answers. */
  | { readonly _tag: "PaySlowly"; readonly delay: Duration.Input }
  /** The bank pays and shows the preimage of another hash. */
  | { readonly _tag: "WrongPreimage" }
  /** The bank takes more than the fee, whatever the cap, and says what it took. */
  | { readonly _tag: "Overcharge"; readonly by: Msat.Msat }

export type Fault =
  | PayFault
  /** The balance is said to be this. */
  | { readonly _tag: "BalanceLies"; readonly balance: Msat.Msat }
  /** An invoice that is paid still looks pending to its owner. */
  | { readonly _tag: "StaleInvoice" }

export interface Shape {
  /** Queues a fault for an account's next fitting operation. */
  readonly inject: (account: string, ...faults: ReadonlyArray<Fault>) => Effect.Effect<void>
}

export class Faults extends Context.Service<Faults, Shape>()("@farthing/wallet/Faults") {}

/** A bank over the true one, and the door to its faults. */
export const layer: Layer.Layer<Bank | Faults, never, Bank> = Layer.effectContext(
  Effect.map(Bank, (bank) => {
    const waiting: Array<{ readonly account: string; readonly fault: Fault }> = []

    const next = <F extends Fault>(account: string, fits: (fault: Fault) => fault is F) =>
      Effect.sync(() => {
        const at = waiting.findIndex((entry) => entry.account === account && fits(entry.fault))
        const fault = at < 0 ? undefined : waiting.splice(at, 1)[0]?.fault
        return fault !== undefined && fits(fault) ? fault : undefined
      })

    const faulty = Bank.of({
      ...bank,
      pay: (account, request) =>
        Effect.flatMap(next(account, isPayFault), (fault) =>
          fault === undefined
            ? bank.pay(account, request)
            : Effect.flatMap(lockWith(bank, fault, account, request), ({ end }) => end)
        ),
      lock: (account, request) =>
        Effect.flatMap(next(account, isPayFault), (fault) =>
          fault === undefined
            ? bank.lock(account, request)
            : lockWith(bank, fault, account, request)
        ),
      balance: (account) =>
        Effect.flatMap(next(account, isBalanceLie), (lie) =>
          lie === undefined ? bank.balance(account) : Effect.succeed(lie.balance)
        ),
      findInvoice: (account, paymentHash) =>
        Effect.gen(function* () {
          const found = yield* bank.findInvoice(account, paymentHash)
          const stale = yield* next(account, isStaleInvoice)
          return stale === undefined
            ? found
            : Option.map(found, (invoice) => ({
                ...invoice,
                state: "pending" as const,
                heldUntil: Option.none(),
                settledAt: Option.none(),
                preimage: Option.none()
              }))
        })
    })

    const faults = Faults.of({
      inject: (account, ...faults) =>
        Effect.sync(() => {
          for (const fault of faults) waiting.push({ account, fault })
        })
    })
    return Context.make(Bank, faulty).pipe(Context.add(Faults, faults))
  })
)

const isBalanceLie = (fault: Fault) => fault._tag === "BalanceLies"

const isStaleInvoice = (fault: Fault) => fault._tag === "StaleInvoice"

const isPayFault = (fault: Fault): fault is PayFault =>
  !isBalanceLie(fault) && !isStaleInvoice(fault)

const lockWith = (
  bank: BankShape,
  fault: PayFault,
  account: string,
  request: PayRequest
): Effect.Effect<Locked, PaymentFailed | PaymentUnknown> => {
  const locked = bank.lock(account, request)
  const broken = new PaymentUnknown({
    paymentHash: request.invoice.paymentHash,
    message: "The bank broke down"
  })
  switch (fault._tag) {
    case "FailBeforePaying":
      return Effect.fail(failed(fault.reason))
    case "SilenceBeforePaying":
      return Effect.never
    case "BreakBeforePaying":
      return Effect.fail(broken)
    case "PayThenFail":
      return Effect.andThen(locked, Effect.fail(failed(fault.reason)))
    case "PayThenSilence":
      return Effect.andThen(locked, Effect.never)
    case "PayThenBreak":
      return Effect.andThen(locked, Effect.fail(broken))
    case "PaySlowly":
      return Effect.delay(locked, fault.delay)
    case "WrongPreimage":
      return Effect.zipWith(locked, randomSecret, ({ end }, secret) => ({
        end: Effect.map(end, ({ fee }) => ({ preimage: Bolt11.Preimage.make(secret), fee }))
      }))
    case "Overcharge":
      return overcharge(bank, fault.by, account, request)
  }
}

const failed = (reason: FailureReason) =>
  new PaymentFailed({ reason, message: "The payment failed, says the bank" })

/** The surplus goes to an account of its own, so that the book stays whole. */
const overcharge = Effect.fnUntraced(
  function* (bank: BankShape, by: Msat.Msat, account: string, request: PayRequest) {
    const uncapped = { ...request, maxFee: Msat.most }
    const { end } = yield* bank.lock(account, uncapped)
    yield* bank.open("overcharges")
    const surplus = yield* bank.makeInvoice("overcharges", {
      amount: by,
      description: "",
      expiry: "1 minute"
    })
    const invoice = yield* Effect.fromResult(Bolt11.decode(surplus.bolt11))
    const extra = yield* bank.pay(account, { ...uncapped, invoice })
    const surcharge = Msat.add(by, extra.fee ?? Msat.zero)
    return {
      end: Effect.map(end, ({ fee, preimage }) => ({
        preimage,
        fee: Msat.add(fee ?? Msat.zero, surcharge)
      }))
    }
  },
  (effect, _bank, _by, _account, request) =>
    Effect.catchTags(effect, {
      BankError: ({ message }) => unknown(request, message),
      InvalidInvoice: ({ message }) => unknown(request, message)
    })
)

const unknown = ({ invoice: { paymentHash } }: PayRequest, message: string) =>
  Effect.fail(new PaymentUnknown({ paymentHash, message }))
