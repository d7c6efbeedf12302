/**
 * The number the worker ends with. Whatever starts it again relies on it:
 *
 * | code | meaning |
 * |---|---|
 * | 0 | stopped as it was told to; everything that was paid is done |
 * | 1 | something failed that may go away: start it again |
 * | 2 | the command line or the configuration is wrong: starting it again changes nothing |
 * | 3 | stopped at its deadline; the books say what is left, and the next start takes it up |
 * | 130 | stopped by a second signal, at once; the same |
 */
import { Cause, Exit, Predicate } from "effect"
import { CutShort, LeftUndone } from "./Worker.ts"

const failed = 1
const unusable = 2
const undone = 3
const interrupted = 130

const byTag: Readonly<Record<string, number>> = {
  ShowHelp: unusable,
  ConfigInvalid: unusable,
  HomeUnavailable: unusable,
  IdentityInvalid: unusable,
  WalletMissing: unusable,
  SparkUnavailable: unusable,
  SparkNetworkUnsupported: unusable,
  WrongNetwork: unusable
}

/** Help that was asked for is no failure. */
const isHelp = (error: unknown): boolean =>
  Predicate.isTagged(error, "ShowHelp") &&
  Predicate.hasProperty(error, "errors") &&
  Array.isArray(error.errors) &&
  error.errors.length === 0

const ofError = (error: unknown): number => {
  if (error instanceof LeftUndone) return undone
  if (error instanceof CutShort) return error.by === "deadline" ? undone : interrupted
  return Predicate.hasProperty(error, "_tag") && Predicate.isString(error._tag)
    ? (byTag[error._tag] ?? failed)
    : failed
}

export const ofExit = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  const error = Cause.squash(exit.cause)
  return isHelp(error) ? 0 : ofError(error)
}
