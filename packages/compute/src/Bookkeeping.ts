/**
 * Notes after the fact. Where one cannot be written the purchase goes on, because the truth is
 * in the Treasury's ledger, from which `recover` puts the journal right.
 */
import type { Treasury } from "@farthing/budget"
import { Effect } from "effect"

export const logged = <A, R>(
  note: Effect.Effect<A, Treasury.LedgerUnavailable, R>
): Effect.Effect<void, never, R> =>
  note.pipe(
    Effect.catch((error) => Effect.logError("A step of a job could not be noted", error)),
    Effect.asVoid
  )
