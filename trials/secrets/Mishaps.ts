/** Commands that fail, most of them with a secret in the wrong place or in the wrong form. */
import { Key } from "@farthing/protocol"
import { Redacted } from "effect"
import type { Env } from "../../apps/cli/test/support/Cli.ts"

export interface Mishap {
  readonly command: string
  /** What differs from the customer's environment. */
  readonly wrong?: Env
}

export const of = (market: {
  readonly relay: string
  readonly customerUri: string
  readonly customerKey: Key.SecretKey
  readonly mnemonic: Redacted.Redacted<string>
  readonly newHome: Env
  /** Its database is none. */
  readonly brokenHome: Env
}): ReadonlyArray<Mishap> => {
  const { brokenHome, customerKey, customerUri, mnemonic, newHome, relay } = market
  const hex = Redacted.value(customerKey)
  const nsec = Redacted.value(Key.formatSecret(customerKey))
  const deaf = customerUri.replace(encodeURIComponent(relay), encodeURIComponent(unreachable))
  return [
    // The wallet refuses: there is no money left.
    { command: "ask What" },
    // The wallet cannot be reached, or its URI is none.
    { command: "ask What --json", wrong: { ...impatient, FARTHING_WALLET_NWC_URI: deaf } },
    { command: "doctor", wrong: { FARTHING_WALLET_NWC_URI: almost(customerUri) } },
    // The key is none.
    { command: "doctor --json", wrong: { FARTHING_IDENTITY_NSEC: almost(nsec) } },
    {
      command: "provider",
      wrong: {
        FARTHING_IDENTITY_NSEC: "",
        FARTHING_IDENTITY_MNEMONIC: almost(Redacted.value(mnemonic))
      }
    },
    // A secret is typed where something else should be.
    { command: nsec },
    { command: `ask What --provider ${nsec}` },
    { command: `jobs show ${nsec}` },
    { command: `ask What --policy ${nsec} --json` },
    { command: `ask What --budget-sats ${hex}` },
    { command: `init --relay ${customerUri} --json`, wrong: newHome },
    // Database and relays are out of order.
    { command: "ask What", wrong: brokenHome },
    { command: "ask What --json", wrong: { ...impatient, FARTHING_RELAYS_URLS: unreachable } }
  ]
}

/** Nobody listens on the discard port. */
const unreachable = "ws://127.0.0.1:9"

const impatient: Env = {
  FARTHING_COMPUTE_DISCOVERY_TIMEOUT: "500 millis",
  FARTHING_COMPUTE_PAYMENT_TIMEOUT: "1 second"
}

/** The last character is not the right one. */
const almost = (secret: string): string => `${secret.slice(0, -1)}!`
