/** What a person can do about a failure. */
import { Predicate } from "effect"

const late =
  "The payment stands, and the provider is marked. `farthing jobs recover` takes a late result or a refund."

const byTag: Readonly<Record<string, string>> = {
  NoProviders: "Start one with `farthing provider`, or check your relays with `farthing doctor`.",
  NoProviderWithinBudget:
    "See `farthing providers` for who sells, at what price and with what record, or raise --budget-sats.",
  SettlementUnavailable:
    "Nothing was paid. Allow another mode with --settlement, or see `farthing providers` for who offers which.",
  ProviderRefused: "Try another provider, or change what you ask for.",
  QuoteTimeout: "Nothing was paid. The provider may be offline: try again, or choose another.",
  InvoiceRejected: "Nothing was paid. Choose another provider.",
  BudgetExhausted: "Nothing was paid. See `farthing budget`; limits stand in the configuration.",
  ApprovalRequired:
    "Nothing was paid. If you agree, say so: `farthing ask --approve`, `farthing wallet pay --yes`.",
  PaymentFailed: "Nothing was paid. Check the wallet with `farthing wallet`.",
  PaymentUnknown:
    "The money may have left. It stays reserved; `farthing jobs recover` looks it up. Never pay it another way.",
  DeliveryTimeout: late,
  DeliveryTruncated: late,
  DeliveryInvalid: `${late} Of what came under seal \`farthing jobs show <id> --evidence\` has the proof.`,
  RelayUnavailable: "Check the relays with `farthing doctor`.",
  WalletUnavailable: "Check the wallet's connection with `farthing doctor`.",
  WalletError: "Check the wallet's connection with `farthing doctor`.",
  WrongNetwork:
    "Nothing was paid. Set FARTHING_NETWORK or the key `network`, or use another wallet.",
  AgentNotConfigured:
    "See `farthing agent` for who there is, or make one with `farthing agent new`.",
  AgentBusy: "See `farthing agent watch` for how far it is.",
  AgentBookUnavailable: "Check that FARTHING_HOME can be written and its disk has room.",
  LedgerUnavailable: "Check that FARTHING_HOME can be written and its disk has room.",
  SqlError: "Check that FARTHING_HOME can be written and its disk has room.",
  MarketRunning: "Stop the other market, or give this one a folder of its own with FARTHING_HOME.",
  ListenError: "Choose another port with --port, or 0 for any that is free."
}

/** What an error says beyond its tag. */
const special = (error: unknown): string | undefined => {
  if (Predicate.isTagged(error, "BudgetExhausted"))
    return Predicate.hasProperty(error, "limit") && error.limit === "frozen" ? frozen : undefined
  if (Predicate.hasProperty(error, "refund") && error.refund !== undefined) return refunded
  return Predicate.hasProperty(error, "held") && error.held !== undefined ? locked : undefined
}

const frozen =
  "Nothing was paid. `farthing budget audit` checks the books, `farthing budget unfreeze` lets spending go on."

const refunded =
  "The money is back, less the fees; `farthing jobs` has the record. Your limits count it as spent."

const locked =
  "Nothing was paid so far. `farthing jobs recover` takes a late result, or sees the money come back."

/** For an error with this tag; none where its message says it all. */
export const on = (error: unknown, tag: string): string | undefined => special(error) ?? byTag[tag]
