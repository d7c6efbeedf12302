/** How limits are told, and how much of each is used. */
import { usedOf } from "@farthing/agent/AgentView"
import type { Treasury } from "@farthing/budget"
import * as Bar from "./Bar.ts"
import * as Show from "./Show.ts"

type Limit = Treasury.LimitStatus

export const columns = ["LIMIT", "USED", "SPENT", "HELD", "MOST"]

const barWidth = 12

/** Spent and held together against the limit. */
export const bar = (limit: Limit, width = barWidth): string => Bar.draw(usedOf(limit), width)

export const row = (limit: Limit): ReadonlyArray<string> => [
  limit.limit,
  bar(limit),
  Show.cost(limit.spent),
  Show.cost(limit.held),
  Show.balance(limit.most)
]

export const fields = ({ held, limit, most, spent }: Limit) => ({
  limit,
  most_msats: most,
  spent_msats: spent,
  held_msats: held
})
