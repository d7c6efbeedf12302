/** Wallets as one writes them by hand. */
import { hash, randomBytes } from "node:crypto"
import { nip47 } from "nostr-tools"
import type { Event } from "nostr-tools/core"
import * as nip44 from "nostr-tools/nip44"
import * as Nostr from "./Nostr.ts"

export interface Wallet {
  readonly makeInvoice: () => Promise<Invoice>
  /** Answers with the preimage. */
  readonly pay: (bolt11: string) => Promise<string>
  readonly close: () => void
}

export interface Invoice {
  readonly bolt11: string
  readonly paymentHash: string
}

export const amount = 10_000

const prefix = "lnbcrt100n1"

/** One of a bank in the same process that believes who shows the preimage, which its invoice carries. */
export const believing: Wallet = {
  makeInvoice: async () => {
    const preimage = randomBytes(32).toString("hex")
    const paymentHash = hash("sha256", Buffer.from(preimage, "hex"))
    return { bolt11: `${prefix}${preimage}`, paymentHash }
  },
  pay: async (bolt11) => bolt11.slice(prefix.length),
  close: () => {}
}

interface Response {
  readonly result: Readonly<Record<string, string>>
}

/** Any wallet over Nostr Wallet Connect, which is believed whatever it says. */
export const overNwc = async (uri: string): Promise<Wallet> => {
  const { pubkey, relay, secret } = nip47.parseConnectionString(uri)
  const pool = Nostr.pool()
  const me = Nostr.identity(secret)
  const key = nip44.getConversationKey(Buffer.from(secret, "hex"), pubkey)
  const waiting = new Map<string, (response: Response) => void>()

  const hear = (event: Event) => {
    const request = event.tags.find((tag) => tag[0] === "e")?.[1] ?? ""
    waiting.get(request)?.(JSON.parse(nip44.decrypt(event.content, key)) as Response)
    waiting.delete(request)
  }

  const ask = async (method: string, params: object) => {
    const content = nip44.encrypt(JSON.stringify({ method, params }), key)
    const tags = [
      ["p", pubkey],
      ["encryption", "nip44_v2"]
    ]
    const event = me.sign(23_194, tags, content)
    const answered = new Promise<Response>((done) => waiting.set(event.id, done))
    await Promise.allSettled(pool.publish([relay], event))
    return (await answered).result
  }

  await new Promise<void>((ready) => {
    pool.subscribe(
      [relay],
      { kinds: [23_195], authors: [pubkey], "#p": [me.pubkey] },
      { oneose: ready, onevent: hear }
    )
  })
  return {
    makeInvoice: async () => {
      const { invoice = "", payment_hash = "" } = await ask("make_invoice", { amount })
      return { bolt11: invoice, paymentHash: payment_hash }
    },
    pay: async (bolt11) => (await ask("pay_invoice", { invoice: bolt11 }))["preimage"] ?? "",
    close: () => pool.destroy()
  }
}
