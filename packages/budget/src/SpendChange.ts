/**
 * The one way a spend changes: its row, an entry of the trail, and every total that it moves, all
 * inside of the transaction of whoever decides.
 */
import type { Bolt11 } from "@farthing/protocol"
import { Effect } from "effect"
import * as Lease from "./Lease.ts"
import { totalsOf, weigh } from "./Spend.ts"
import type { PurchaseId, SpendRecord } from "./Spend.ts"
import type * as SpendRows from "./SpendRows.ts"
import type { Decision, Entry } from "./Trail.ts"

/** A decision that moves no money. */
export interface Remark {
  readonly at: number
  readonly purchase: PurchaseId | undefined
  readonly paymentHash: Bolt11.PaymentHash | undefined
  readonly what: Decision
  readonly note: string
  readonly refusal?: Entry["refusal"]
}

/** Why a spend changes, and when. */
interface Cause {
  readonly at: number
  readonly what: Decision
}

const unmoved = { spent: 0, held: 0, delivered: 0 } as const

export const make = (rows: SpendRows.SpendRows) => {
  /** The first entry of a spend; its totals may be new. */
  const open = (spend: SpendRecord) => Effect.andThen(rows.insert(spend), begin(spend))

  /** A payment that has failed is tried again, as of another day and tick. */
  const reopen = (spend: SpendRecord) => Effect.andThen(rows.replace(spend), begin(spend))

  const begin = Effect.fnUntraced(function* (spend: SpendRecord) {
    const weight = weigh(spend)
    yield* rows.append({ ...entryOf(spend), ...weight, at: spend.reservedAt, what: spend.state })
    yield* rows.openTotals({ ...totalsOf(spend), ...weight })
    return spend
  })

  const change = (before: SpendRecord, after: SpendRecord, entry: Cause) =>
    Effect.andThen(rows.update(after), enter(before, after, entry))

  /** Undefined, and nothing has changed, if the spend is not any more what it was. */
  const changeIfKnown = (before: SpendRecord, after: SpendRecord, entry: Cause) =>
    Effect.flatMap(rows.updateIfKnown(before, after), (isKnown) =>
      isKnown ? enter(before, after, entry) : Effect.undefined
    )

  const enter = Effect.fnUntraced(function* (
    before: SpendRecord,
    after: SpendRecord,
    entry: Cause
  ) {
    const was = weigh(before)
    const is = weigh(after)
    const delta = {
      spent: is.spent - was.spent,
      held: is.held - was.held,
      delivered: is.delivered - was.delivered
    }
    yield* rows.append({ ...entryOf(after), ...delta, ...entry })
    if (delta.spent !== 0 || delta.held !== 0 || delta.delivered !== 0) {
      yield* rows.moveTotals({ ...totalsOf(after), ...delta })
    }
    return after
  })

  const toState = (
    before: SpendRecord,
    state: SpendRecord["state"],
    at: number,
    rest: Partial<SpendRecord>
  ) => change(before, { ...before, ...rest, state }, { at, what: state })

  /** What was reserved is free again. */
  const fail = (before: SpendRecord, at: number, note: string) =>
    toState(before, "failed", at, { ...Lease.givenUp, note })

  const remark = ({ refusal, ...rest }: Remark) => rows.append({ ...rest, ...unmoved, refusal })

  /** What is decided again and again, one after the other, is remarked once. */
  const remarkOnce = Effect.fnUntraced(function* (said: Remark) {
    const latest = yield* rows.latest(said.purchase)
    const isSame =
      latest !== undefined &&
      latest.purchase === said.purchase &&
      latest.paymentHash === said.paymentHash &&
      latest.what === said.what &&
      latest.note === said.note
    if (!isSame) yield* remark(said)
  })

  /** `cause` is the payment that gave rise to it. */
  const freeze = (at: number, reason: string, cause?: SpendRecord) =>
    Effect.andThen(
      rows.setFrozen(reason),
      remark({
        at,
        purchase: cause?.purchase,
        paymentHash: cause?.paymentHash,
        what: "frozen",
        note: reason
      })
    )

  const unfreeze = (at: number) =>
    Effect.andThen(
      rows.setFrozen(null),
      remark({ at, purchase: undefined, paymentHash: undefined, what: "unfrozen", note: "" })
    )

  return {
    open,
    reopen,
    change,
    changeIfKnown,
    toState,
    fail,
    remark,
    remarkOnce,
    freeze,
    unfreeze
  } as const
}

const entryOf = ({ note, paymentHash, purchase }: SpendRecord) => ({
  purchase,
  paymentHash,
  note,
  refusal: undefined
})
