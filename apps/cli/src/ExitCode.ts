/**
 * The number a command ends with, by what went wrong. Scripts rely on it.
 */
import { Cause, Exit, Predicate } from "effect"

const failed = 1
const usage = 2
const interrupted = 130

const byTag: Readonly<Record<string, number>> = {
  ShowHelp: usage,
  UsageError: usage,
  ConfigInvalid: usage,
  HomeUnavailable: usage,
  IdentityInvalid: usage,
  WalletMissing: usage,
  SparkUnavailable: usage,
  SparkNetworkUnsupported: usage,
  SparkLocalMissing: usage,
  WrongNetwork: usage,
  AgentNotConfigured: usage,
  AgentInvalid: usage,
  BudgetExhausted: 3,
  ApprovalRequired: 3,
  NotApproved: 3,
  NoProviders: 4,
  NoProviderWithinBudget: 4,
  SettlementUnavailable: 4,
  ProviderRefused: 4,
  QuoteTimeout: 4,
  InvoiceRejected: 4,
  PaymentFailed: 5,
  PaymentRefused: 5,
  PaymentUnknown: 6,
  DeliveryTimeout: 7,
  DeliveryTruncated: 7,
  DeliveryInvalid: 7,
  QuitError: interrupted
}

const ofError = (error: unknown): number =>
  Predicate.hasProperty(error, "_tag") && Predicate.isString(error._tag)
    ? (byTag[error._tag] ?? failed)
    : failed

/** Help that was asked for is no failure. */
const isHelp = (error: unknown): boolean =>
  Predicate.isTagged(error, "ShowHelp") &&
  Predicate.hasProperty(error, "errors") &&
  Array.isArray(error.errors) &&
  error.errors.length === 0

export const ofExit = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterruptsOnly(exit.cause)) return interrupted
  const error = Cause.squash(exit.cause)
  return isHelp(error) ? 0 : ofError(error)
}
