/** Every row of the table, in its order. */
import * as Agents from "./rows/Agents.ts"
import * as Breakdown from "./rows/Breakdown.ts"
import * as Curve from "./rows/Curve.ts"
import * as Discovery from "./rows/Discovery.ts"
import * as EndToEnd from "./rows/EndToEnd.ts"
import * as Hops from "./rows/Hops.ts"
import * as Ledger from "./rows/Ledger.ts"
import * as Memory from "./rows/Memory.ts"
import * as Relays from "./rows/Relays.ts"
import * as Resilience from "./rows/Resilience.ts"
import * as Settlement from "./rows/Settlement.ts"
import * as Start from "./rows/Start.ts"
import * as Wallets from "./rows/Wallets.ts"
import type { Row } from "./src/Row.ts"

export const rows: ReadonlyArray<Row> = [
  EndToEnd.latency,
  EndToEnd.writes,
  EndToEnd.throughput50,
  EndToEnd.throughput500,
  EndToEnd.agents,
  EndToEnd.nwc,
  Hops.hops,
  Settlement.settlement,
  Wallets.wallets,
  Relays.client,
  Resilience.resume,
  Resilience.relays,
  Relays.server,
  Discovery.discovery,
  Ledger.ledger,
  Curve.verification,
  Curve.invoices,
  Start.start,
  Memory.memory,
  Agents.atRest,
  Agents.ticking,
  Breakdown.breakdown
]
