/** A bank that errs and lies now and then, by lot: what it says is wrong, not what it writes. */
import { Bank, Faults } from "@farthing/wallet"
import type { Faults as F } from "@farthing/wallet"
import { Effect, Layer } from "effect"
import * as Lot from "./Lot.ts"

/** One payment in so many meets one of them. */
const every = 12

/** Without those that cost more than was allowed: they freeze all spending, as they should. */
const faults: ReadonlyArray<F.Fault> = [
  { _tag: "FailBeforePaying", reason: "no_route" },
  { _tag: "BreakBeforePaying" },
  { _tag: "PayThenBreak" },
  { _tag: "PayThenFail", reason: "no_route" },
  { _tag: "WrongPreimage" },
  { _tag: "PaySlowly", delay: "1 second" },
  { _tag: "PayThenSilence" },
  { _tag: "SilenceBeforePaying" }
]

export const layer = (lot: string) =>
  Layer.effect(
    Bank.Bank,
    Effect.gen(function* () {
      const bank = yield* Bank.Bank
      const { inject } = yield* Faults.Faults
      const draw = Lot.of(`${lot}/bank`)
      return Bank.Bank.of({
        ...bank,
        pay: (account, request) =>
          Effect.suspend(() => {
            const fault = draw.oneIn(every) ? [draw.choice(faults)] : []
            return Effect.andThen(inject(account, ...fault), bank.pay(account, request))
          }),
        findInvoice: (account, paymentHash) =>
          Effect.suspend(() => {
            const fault = draw.oneIn(every) ? [{ _tag: "StaleInvoice" } as const] : []
            return Effect.andThen(inject(account, ...fault), bank.findInvoice(account, paymentHash))
          })
      })
    })
  ).pipe(Layer.provide(Faults.layer))
