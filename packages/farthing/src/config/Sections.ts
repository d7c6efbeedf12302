/** Every key of the configuration. The file, the environment and the template follow from it. */
import { Network, Settlement } from "@farthing/protocol"
import { agent, own } from "./AgentSections.ts"
import * as Setting from "./Setting.ts"

const { withDefault, withoutDefault } = Setting

const file = Setting.text(1_000)
const wait = Setting.duration("0 millis")
const timeout = Setting.duration("1 millis")

/** The keys that stand before the first section. */
export const root = {
  network: withDefault(
    Setting.oneOf(Network.Network.literals),
    "regtest",
    "mainnet, testnet, signet, regtest"
  )
}

const identity = {
  nsec_file: withoutDefault(file, "identity.nsec", "or FARTHING_IDENTITY_NSEC"),
  mnemonic_file: withoutDefault(file, "identity.mnemonic", "instead, or FARTHING_IDENTITY_MNEMONIC")
}

const relays = {
  urls: withDefault(Setting.relayUrls, ["ws://127.0.0.1:7777"], "where the market is"),
  publish_quorum: withDefault(Setting.whole(1, 20), 1, "relays that have to accept an event"),
  publish_timeout: withDefault(timeout, "10 seconds", "for a relay to accept an event")
}

const wallet = {
  kind: withDefault(Setting.oneOf(["nwc", "spark"]), "nwc", "nwc, spark"),
  nwc_uri_file: withoutDefault(file, "wallet.nwc", "or FARTHING_WALLET_NWC_URI"),
  mnemonic_file: withoutDefault(
    file,
    "wallet.mnemonic",
    "of a Spark wallet, or FARTHING_WALLET_MNEMONIC; without either the identity's"
  ),
  account: withDefault(
    Setting.whole(0, 2 ** 31 - 1),
    0,
    "which of the mnemonic's Spark wallets; keep it with the words"
  ),
  spark_connection: withoutDefault(
    file,
    "spark.json",
    "Spark operators on this machine (regtest); without it the network's own"
  )
}

const runway = {
  daily_limit_sats: withoutDefault(Setting.sats, 100_000, "the most that may be spent in a day"),
  per_tick_limit_sats: withoutDefault(Setting.sats, 1_000, "for a single ask, one ask is one tick"),
  per_job_limit_sats: withoutDefault(Setting.sats, 1_000, "the most that one result may cost"),
  per_provider_daily_sats: withoutDefault(Setting.sats, 20_000, "to one provider in a day"),
  first_spend_limit_sats: withoutDefault(
    Setting.sats,
    100,
    "the most that a provider without a record with us may get"
  ),
  unproven_daily_limit_sats: withoutDefault(
    Setting.sats,
    1_000,
    "all such providers together, per day"
  ),
  max_unresolved_sats: withoutDefault(Setting.sats, 5_000, "held and unknown together"),
  lifetime_limit_sats: withoutDefault(Setting.sats, 1_000_000, "over all time"),
  approval_above_sats: withoutDefault(Setting.sats, 5_000, "ask a person above this"),
  reserve_sats: withDefault(Setting.sats, 0, "has to stay in the wallet"),
  budget_wait: withDefault(wait, "10 seconds", "for money that is held and may come free"),
  max_fee_sats: withDefault(Setting.sats, 10, "the larger of the two fee limits applies"),
  max_fee_percent: withDefault(Setting.percent, 1, "of the amount"),
  daily_burn_sats: withDefault(
    Setting.sats,
    0,
    "what an agent is taken to spend in a day until that is measured"
  ),
  low_balance_days: withDefault(Setting.whole(0, 3_650), 7, "warn when the money lasts no longer"),
  hibernate_threshold_sats: withDefault(Setting.sats, 1_000, "an agent sleeps below this"),
  time_zone: withDefault(Setting.timeZone, "UTC", "where a day begins")
}

const compute = {
  policy: withDefault(
    Setting.oneOf(["cheapest", "fastest", "reliable", "balanced"]),
    "cheapest",
    "cheapest, fastest, reliable, balanced"
  ),
  max_tokens: withDefault(Setting.whole(1, 10_000_000), 500, "of a result"),
  fallbacks: withDefault(Setting.flag, true, "ask the next provider when one does not answer"),
  quotes: withDefault(Setting.whole(1, 20), 1, "providers asked at once; the best invoice is paid"),
  max_attempts: withDefault(Setting.whole(1, 100), 3, "per purchase"),
  settlement: withDefault(
    Setting.oneOrMoreOf(Settlement.Settlement.literals),
    ["upfront"],
    "upfront, escrow, sealed, in order of preference"
  ),
  discovery_timeout: withDefault(timeout, "3 seconds", "for finding a first provider"),
  quote_timeout: withDefault(timeout, "30 seconds", "from the request to the invoice"),
  payment_timeout: withDefault(timeout, "60 seconds", "for the payment"),
  first_chunk_timeout: withDefault(timeout, "60 seconds", "from the payment to the first text"),
  idle_timeout: withDefault(timeout, "30 seconds", "between two pieces of text"),
  job_timeout: withDefault(timeout, "120 seconds", "from the request to the whole result")
}

const provider = {
  name: withDefault(Setting.text(100), "my provider", "as customers see it"),
  price_msats: withDefault(Setting.msats, 10_000, "per request"),
  model_prices: withDefault(
    Setting.prices,
    {},
    'where one costs something else: { "name" = msats }'
  ),
  models: withoutDefault(
    Setting.texts(200),
    ["llama3.2:1b"],
    "which of the backend's models are sold; without it all"
  ),
  backend_url: withoutDefault(
    Setting.httpUrl,
    "http://127.0.0.1:11434/v1",
    "an OpenAI-compatible server; without it the embedded backend"
  ),
  fallback_urls: withDefault(
    Setting.httpUrls,
    [],
    "further servers: asked in this order for what they serve"
  ),
  capacity: withDefault(
    Setting.whole(1, 10_000),
    4,
    "jobs at once; the share of a server that ails is not sold"
  ),
  queue: withDefault(Setting.whole(0, 1_000_000), 32, "jobs that may wait"),
  settlement: withDefault(
    Setting.oneOrMoreOf(Settlement.Settlement.literals),
    ["upfront"],
    "upfront, escrow, sealed: what customers may choose from"
  ),
  max_unpaid_sealed: withDefault(
    Setting.whole(1, 10_000),
    8,
    "sealed results that may be unpaid at once; one customer may have a quarter of them"
  ),
  job_timeout: withDefault(
    timeout,
    "2 minutes",
    "for the inference of an escrow or sealed job, whose money is only locked"
  )
}

const worker = {
  sells: withoutDefault(
    Setting.flag,
    true,
    "whether it runs the provider; without it if [provider] says something, or there is no agent"
  ),
  host: withDefault(Setting.text(255), "127.0.0.1", "where health and metrics are served"),
  port: withDefault(Setting.whole(0, 65_535), 9464, "0: any that is free"),
  stop_within: withDefault(wait, "30 seconds", "for running jobs, when it is told to stop"),
  log_format: withDefault(Setting.oneOf(["json", "pretty"]), "json", "json, pretty")
}

const telemetry = {
  otlp_url: withDefault(Setting.optionalHttpUrl, "", "where traces, metrics and logs go"),
  trace_context: withDefault(
    Setting.flag,
    false,
    "whether requests say, and providers believe, what trace they belong to"
  )
}

export const sections = {
  identity,
  relays,
  wallet,
  runway,
  compute,
  provider,
  agent,
  worker,
  telemetry
}

export type SectionName = keyof typeof sections

/** Sections of which there may be any number, each with a name: `[agents.alice]`. */
export { own }

export const families = { agents: { ...own, ...agent, ...runway } }

export type FamilyName = keyof typeof families

/** Keys that are taken from the environment, or from a file that the key `<key>_file` names. */
export const secrets: { readonly [K in SectionName | FamilyName]?: ReadonlyArray<string> } = {
  identity: ["nsec", "mnemonic"],
  wallet: ["nwc_uri", "mnemonic"],
  agents: ["nsec", "nwc_uri"]
}
