/** How long a lock may last. Pure. */
import type { Bolt11 } from "@farthing/protocol"
import { Blocks } from "@farthing/wallet"

/**
 * Blocks come at random: so many of them take longer than their mean, but hardly ever by more than
 * four standard deviations (of a Poisson process, the root of their number).
 */
const longest = (blocks: number): number => Math.ceil(blocks + 4 * Math.sqrt(blocks))

/**
 * Unix seconds; the payee cannot take the money later, whenever it was locked: it has the invoice's
 * `min_final_cltv_expiry_delta` blocks for that (BOLT 11), from the invoice's expiry at the latest.
 */
export const endOf = ({
  expiresAt,
  minFinalCltvDelta
}: Pick<Bolt11.Invoice, "expiresAt" | "minFinalCltvDelta">): number =>
  expiresAt + longest(minFinalCltvDelta) * Blocks.seconds
