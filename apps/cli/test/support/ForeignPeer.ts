/**
 * People who never heard of Farthing: peers made of nostr-tools alone, which speak the eight
 * messages that programs in the wild send, and pay through NWC by hand.
 */
import type { Event, EventTemplate } from "nostr-tools/core"
import { decode as bech32Decode } from "nostr-tools/nip19"
import { decrypt, encrypt, getConversationKey } from "nostr-tools/nip44"
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure"
import { Relay, useWebSocketImplementation } from "nostr-tools/relay"
import { hash, randomBytes } from "node:crypto"
import { WebSocket } from "ws"

useWebSocketImplementation(WebSocket)

const now = () => Math.floor(Date.now() / 1000)

export interface Peer {
  readonly secret: Uint8Array
  readonly pubkey: string
  readonly relay: Relay
  readonly publish: (template: Omit<EventTemplate, "created_at">) => Promise<Event>
  readonly close: () => void
}

const connect = async (url: string): Promise<Peer> => {
  const secret = generateSecretKey()
  const relay = await Relay.connect(url)
  return {
    secret,
    pubkey: getPublicKey(secret),
    relay,
    publish: async (template) => {
      const event = finalizeEvent({ ...template, created_at: now() }, secret)
      await relay.publish(event)
      return event
    },
    close: () => relay.close()
  }
}

/** A wallet over NIP-47, by hand. */
export const wallet = async (uri: string) => {
  const url = new URL(uri)
  const service = url.host
  const secret = Uint8Array.from(Buffer.from(url.searchParams.get("secret") ?? "", "hex"))
  const relay = await Relay.connect(url.searchParams.get("relay") ?? "")
  const key = getConversationKey(secret, service)
  const call = (method: string, params: object): Promise<Record<string, unknown>> => {
    const request = finalizeEvent(
      {
        kind: 23194,
        created_at: now(),
        tags: [
          ["p", service],
          ["encryption", "nip44_v2"]
        ],
        content: encrypt(JSON.stringify({ method, params }), key)
      },
      secret
    )
    return new Promise((resolve, reject) => {
      const subscription = relay.subscribe(
        [{ kinds: [23195], authors: [service], "#e": [request.id] }],
        {
          onevent: (event) => {
            subscription.close()
            const answer = JSON.parse(decrypt(event.content, key))
            if (answer.error) reject(new Error(answer.error.code))
            else resolve(answer.result)
          }
        }
      )
      relay.publish(request).catch(reject)
    })
  }
  return { call, close: () => relay.close() }
}

export type Wallet = Awaited<ReturnType<typeof wallet>>

type Message = Readonly<Record<string, unknown>> & { readonly type: string }

/** What a scripted provider does at each turn of the seed's main flow. */
export interface Script {
  /** Default: `scripted`. */
  readonly name?: string
  readonly priceMsats: number
  /** The ways to settle that it announces; default: it says nothing of them. */
  readonly settlement?: ReadonlyArray<string>
  /** The invoice to answer with, and what goes with it; or nothing. */
  readonly quote: (request: Event) => Promise<Message | ReadonlyArray<Message> | undefined>
  /** What to send once the customer says that it paid. */
  readonly deliver: (prompt: string, jobId: string) => ReadonlyArray<Message>
  /** What it does once the customer says that it locked the money. */
  readonly locked?: () => Promise<unknown>
}

const jobIdOf = (request: Event) => `job_${request.id.slice(0, 16)}`

/** A provider that answers in its own channel as the script says. */
export const provide = async (relayUrl: string, script: Script) => {
  const peer = await connect(relayUrl)
  const { name = "scripted" } = script
  const channel = await peer.publish({ kind: 40, tags: [], content: JSON.stringify({ name }) })
  const answer = (request: Event, message: Message) =>
    peer.publish({
      kind: 42,
      tags: [
        ["e", channel.id, relayUrl, "root"],
        ["e", request.id, relayUrl, "reply"]
      ],
      content: JSON.stringify(message)
    })
  const jobs = new Map<string, { readonly request: Event; readonly prompt: string }>()
  peer.relay.subscribe([{ kinds: [42], "#e": [channel.id], since: now() }], {
    onevent: async (event) => {
      const message: Message = JSON.parse(event.content)
      if (message.type === "JobRequest" && message["target_provider"] === peer.pubkey) {
        jobs.set(jobIdOf(event), { request: event, prompt: String(message["prompt"]) })
        const answers = [(await script.quote(event)) ?? []].flat()
        for (const message of answers) await answer(event, message)
      }
      if (message.type === "HtlcLocked") await script.locked?.()
      if (message.type === "PaymentSent") {
        const jobId = String(message["job_id"])
        const job = jobs.get(jobId)
        if (job === undefined || job.request.pubkey !== event.pubkey) return
        for (const part of script.deliver(job.prompt, jobId)) await answer(job.request, part)
      }
    }
  })
  await peer.publish({
    kind: 31990,
    tags: [
      ["d", "compute"],
      ["k", "5050"],
      ["handler", "compute_provider"],
      ["capability", "text-generation"],
      ["price", String(script.priceMsats), "per-request", "msats"],
      ["channel", channel.id],
      ["network", "regtest"],
      ...(script.settlement ?? []).map((mode) => ["settlement", mode])
    ],
    content: JSON.stringify({ name, description: "made of nostr-tools alone" })
  })
  return { ...peer, channel: channel.id }
}

/** The honest invoice for a request, made in a wallet over NWC. */
export const invoiceFrom =
  (bank: Wallet, amountMsats: number) =>
  async (request: Event): Promise<Message> => {
    const made = await bank.call("make_invoice", { amount: amountMsats, description: "one job" })
    return {
      type: "Invoice",
      job_id: jobIdOf(request),
      bolt11: made["invoice"],
      amount_msats: amountMsats,
      payment_hash: made["payment_hash"]
    }
  }

/** An invoice whose money is locked to this hash until its preimage is shown. */
export const holdInvoiceFrom = async (
  bank: Wallet,
  request: Event,
  settlement: "escrow" | "sealed",
  paymentHash: string,
  amountMsats: number
) => {
  const made = await bank.call("make_hold_invoice", {
    amount: amountMsats,
    payment_hash: paymentHash,
    description: "one job"
  })
  return {
    type: "Invoice",
    job_id: jobIdOf(request),
    request_id: request.id,
    bolt11: String(made["invoice"]),
    amount_msats: amountMsats,
    payment_hash: paymentHash,
    settlement,
    hold: true
  }
}

/** A result under seal that holds nothing: random bytes, properly committed to. */
export const garbageFrom = (bank: Wallet, amountMsats: number) => {
  const preimages: Array<string> = []
  return {
    settlement: ["sealed"],
    locked: async () => {
      for (const preimage of preimages.splice(0))
        await bank.call("settle_hold_invoice", { preimage })
    },
    quote: async (request: Event): Promise<ReadonlyArray<Message>> => {
      const preimage = randomBytes(32)
      const ciphertext = randomBytes(1_056)
      preimages.push(preimage.toString("hex"))
      const paymentHash = hash("sha256", preimage)
      const invoice = await holdInvoiceFrom(bank, request, "sealed", paymentHash, amountMsats)
      return [
        invoice,
        {
          type: "SealedChunk",
          request_id: request.id,
          seq: 0,
          ciphertext: ciphertext.toString("base64")
        },
        {
          type: "SealedResult",
          request_id: request.id,
          job_id: invoice.job_id,
          payment_hash: paymentHash,
          bolt11_sha256: hash("sha256", invoice.bolt11),
          chunks: 1,
          ciphertext_sha256: hash("sha256", ciphertext),
          alg: "hkdf-sha256+chacha20-poly1305/1"
        }
      ]
    }
  }
}

/** Buys from a provider as the seed's agent does; resolves with the result's text. */
export const buy = async (relayUrl: string, nwc: string, providerKey: string, prompt: string) => {
  const peer = await connect(relayUrl)
  const bank = await wallet(nwc)
  const provider = providerKey.startsWith("npub")
    ? String(bech32Decode(providerKey).data)
    : providerKey
  const announcement = await new Promise<Event>((resolve) => {
    const subscription = peer.relay.subscribe([{ kinds: [31990], authors: [provider] }], {
      onevent: (event) => {
        subscription.close()
        resolve(event)
      }
    })
  })
  const channel = announcement.tags.find((tag) => tag[0] === "channel")?.[1] ?? ""
  const say = (message: Message) =>
    peer.publish({
      kind: 42,
      tags: [["e", channel, relayUrl, "root"]],
      content: JSON.stringify(message)
    })
  const result = new Promise<{
    readonly text: string
    readonly amountMsats: number
    readonly preimage: string
  }>((resolve, reject) => {
    let text = ""
    let paid = { amountMsats: 0, preimage: "" }
    peer.relay.subscribe([{ kinds: [42], "#e": [channel], since: now() - 1 }], {
      onevent: async (event) => {
        if (event.pubkey !== provider) return
        const message: Message = JSON.parse(event.content)
        try {
          if (message.type === "Invoice") {
            const payment = await bank.call("pay_invoice", { invoice: message["bolt11"] })
            paid = {
              amountMsats: Number(message["amount_msats"]),
              preimage: String(payment["preimage"])
            }
            await say({ type: "PaymentSent", job_id: message["job_id"], payment_id: "by hand" })
          }
          if (message.type === "StreamChunk") text += String(message["chunk"])
          if (message.type === "JobResult") resolve({ text: String(message["result"]), ...paid })
          if (message.type === "StreamChunk" && message["is_final"]) resolve({ text, ...paid })
          if (message.type === "JobError") reject(new Error(String(message["message"])))
        } catch (error) {
          reject(error)
        }
      }
    })
  })
  await say({
    type: "JobRequest",
    kind: 5050,
    prompt,
    max_tokens: 100,
    target_provider: provider
  })
  return result.finally(() => {
    peer.close()
    bank.close()
  })
}
