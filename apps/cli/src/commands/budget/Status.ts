/** What may be spent, what was, what is held, and whether spending is frozen. */
import { Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Msat, Text } from "@farthing/protocol"
import { Array as Arr, Effect } from "effect"
import { Market } from "farthing"
import * as LimitTelling from "../../LimitTelling.ts"
import { Output } from "../../Output.ts"
import * as Show from "../../Show.ts"

export const show = Effect.fnUntraced(function* () {
  const output = yield* Output
  const treasury = yield* Treasury.Treasury
  const status = yield* treasury.status
  const refunded = yield* cameBack
  const ofRefunds = yield* refundBudget
  if (output.json) return yield* output.value(fields(status, refunded, ofRefunds))
  for (const line of facts(status, refunded)) yield* output.line(line)
  if (ofRefunds.frozen !== undefined)
    yield* output.line(`refunds      frozen: ${Text.printable(ofRefunds.frozen)}`)
  if (status.frozen !== undefined || ofRefunds.frozen !== undefined)
    yield* output.note("nothing is paid until `farthing budget unfreeze`")
  if (status.limits.length === 0)
    return yield* output.note("no limit is set: `farthing init` writes a configuration with some")
  yield* output.line("")
  yield* output.table(LimitTelling.columns, status.limits.map(LimitTelling.row))
})

/** Of a provider: what it owes is paid from there. */
const refundBudget = Treasury.Treasury.pipe(
  Effect.flatMap(({ status }) => status),
  Effect.provide(Market.refundBooks)
)

/** What was refunded ever. The wallet has it; limits count it as spent. */
const cameBack = Effect.gen(function* () {
  const client = yield* ComputeClient.ComputeClient
  const jobs = yield* client.jobs({ limit: Number.MAX_SAFE_INTEGER })
  const refunded = yield* Effect.forEach(
    jobs.filter(({ state }) => state === "refunded"),
    ({ request }) => client.findJob(request)
  )
  return Msat.sum(Arr.getSomes(refunded).map(({ refund }) => refund?.amount ?? Msat.zero))
})

const facts = (
  { day, frozen, held, locked, released, spentEver, spentToday, unknown }: Treasury.Status,
  refunded: Msat.Msat
) => [
  `day          ${day}`,
  `spent today  ${Show.cost(spentToday)}`,
  `spent ever   ${Show.cost(spentEver)}`,
  `refunded     ${Show.balance(refunded)}`,
  `under way    ${open(underWay(held, unknown, Msat.subtract(locked, released)), "see `farthing jobs`")}`,
  `locked       ${open(Msat.subtract(locked, released), "it is taken for a result, or comes back by itself")}`,
  ...(released === 0
    ? []
    : [`released     ${open(released, "counts as spent; `farthing jobs recover` sees it taken")}`]),
  `unknown      ${open(unknown, "`farthing jobs recover` looks it up")}`,
  `frozen       ${frozen === undefined ? "no" : Text.printable(frozen)}`
]

/** What is held and neither unknown nor locked. */
const underWay = (held: Msat.Msat, ...known: ReadonlyArray<Msat.Msat>): Msat.Msat =>
  Msat.left(held, Msat.sum(known))

/** Money whose end is not known, and what to do about it. */
const open = (amount: Msat.Msat, advice: string): string =>
  amount === 0 ? Show.cost(amount) : `${Show.cost(amount)}: ${advice}`

const fields = (status: Treasury.Status, refunded: Msat.Msat, ofRefunds: Treasury.Status) => ({
  day: status.day,
  frozen: status.frozen ?? null,
  refunds_frozen: ofRefunds.frozen ?? null,
  spent_today_msats: status.spentToday,
  held_msats: status.held,
  unknown_msats: status.unknown,
  locked_msats: status.locked,
  released_msats: status.released,
  spent_ever_msats: status.spentEver,
  refunded_msats: refunded,
  limits: status.limits.map(LimitTelling.fields)
})
