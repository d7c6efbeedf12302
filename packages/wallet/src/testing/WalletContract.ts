/**
 * What every wallet promises, as a list of facts to check. Each layer's tests build a `World` and
 * check every fact in a world of its own.
 */
import * as HoldFacts from "./HoldFacts.ts"
import * as LockFacts from "./LockFacts.ts"
import * as PaymentFacts from "./PaymentFacts.ts"
import * as RecordFacts from "./RecordFacts.ts"
import * as RecoveryFacts from "./RecoveryFacts.ts"
import type { Fact } from "./World.ts"

export { lock, pay } from "./Dealings.ts"
export { facts as htlcFacts } from "./HtlcFacts.ts"
export type { Fact, HoldTerms, Party, World } from "./World.ts"

/** Wallets with the capability `htlc` promise `htlcFacts`, too. */
export const facts: ReadonlyArray<Fact> = [
  ...RecordFacts.facts,
  ...PaymentFacts.facts,
  ...HoldFacts.facts,
  ...LockFacts.facts,
  ...RecoveryFacts.facts
]
