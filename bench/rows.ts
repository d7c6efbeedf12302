/** Every row of the table, in its order. */
import * as Discovery from "./rows/Discovery.ts"
import * as Curve from "./rows/Curve.ts"
import * as EndToEnd from "./rows/EndToEnd.ts"
import * as Ledger from "./rows/Ledger.ts"
import * as Relays from "./rows/Relays.ts"
import * as Start from "./rows/Start.ts"
import type { Row } from "./src/Row.ts"

export const rows: ReadonlyArray<Row> = [
  EndToEnd.latency,
  EndToEnd.throughput50,
  EndToEnd.throughput500,
  EndToEnd.agents,
  Ledger.ledger,
  Relays.client,
  Relays.server,
  Discovery.discovery,
  Start.start,
  Curve.verification,
  Curve.invoices
]
