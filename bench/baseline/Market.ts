/**
 * The market as one writes it by hand: a customer and a provider of the seed's flow with nothing
 * checked but signatures, and with as many durable writes as ours.
 */
import type { Event } from "nostr-tools/core"
import type { Filter } from "nostr-tools/filter"
import { hash, randomBytes, randomUUID } from "node:crypto"
import type { Disk } from "./Disk.ts"
import * as Nostr from "./Nostr.ts"

interface Message {
  readonly type: string
  readonly [field: string]: unknown
}

/** A bank that believes who shows the preimage, which its invoice carries. */
const makeInvoice = () => {
  const preimage = randomBytes(32).toString("hex")
  return { preimage, paymentHash: hash("sha256", Buffer.from(preimage, "hex")) }
}

const message = (
  who: Nostr.Identity,
  relay: string,
  channel: string,
  body: Message,
  to: string,
  reply?: string
): Event =>
  who.sign(
    42,
    [
      ["e", channel, relay, "root"],
      ...(reply === undefined ? [] : [["e", reply, relay, "reply"]]),
      ["p", to],
      ["salt", randomBytes(8).toString("hex")]
    ],
    JSON.stringify(body)
  )

const replyOf = (event: Event): string =>
  event.tags.find((tag) => tag[0] === "e" && tag[3] === "reply")?.[1] ?? ""

const parse = (event: Event): Message | undefined => {
  try {
    return JSON.parse(event.content) as Message
  } catch {
    return undefined
  }
}

export interface Provider {
  readonly pubkey: string
  readonly channel: string
  readonly close: () => void
}

/** How often the provider of ours goes to its disk for one job. */
const providerWrites = { quote: 1, paid: 1, answer: 2 } as const

/** And the customer: around the request, the payment and the result. */
const customerWrites = { request: 1, payment: 6, result: 3 } as const

const times = async (disk: Disk, key: string, count: number): Promise<void> => {
  for (let step = 0; step < count; step++) await disk.write(`${key}:${step}`, key)
}

export const provide = async (relay: string, disk: Disk): Promise<Provider> => {
  const pool = Nostr.pool()
  const me = Nostr.identity()
  const publish = (event: Event) => Promise.all(pool.publish([relay], event))
  const created = me.sign(40, [], JSON.stringify({ name: "compute" }))
  await publish(created)
  const channel = created.id
  const jobs = new Map<string, { request: Event; prompt: unknown; paymentHash: string }>()

  const say = (body: Message, request: Event) =>
    publish(message(me, relay, channel, body, request.pubkey, request.id))

  const onRequest = async (event: Event, { prompt }: Message) => {
    const { paymentHash, preimage } = makeInvoice()
    const jobId = `job-${randomUUID()}`
    jobs.set(jobId, { request: event, prompt, paymentHash })
    await times(disk, `${event.id}:quote`, providerWrites.quote)
    const bolt11 = `lnbcrt100n1${preimage}`
    const invoice = { type: "Invoice", job_id: jobId, bolt11, amount_msats: 10_000 }
    await say({ ...invoice, payment_hash: paymentHash }, event)
  }

  const onPayment = async (event: Event, { job_id, payment_id }: Message) => {
    const job = jobs.get(String(job_id))
    if (job === undefined || job.request.pubkey !== event.pubkey) return
    if (hash("sha256", Buffer.from(String(payment_id), "hex")) !== job.paymentHash) return
    jobs.delete(String(job_id))
    await times(disk, `${job.request.id}:paid`, providerWrites.paid)
    await times(disk, `${job.request.id}:answer`, providerWrites.answer)
    await say({ type: "JobResult", job_id, result: `echo: ${String(job.prompt)}` }, job.request)
  }

  await new Promise<void>((ready) => {
    pool.subscribe(
      [relay],
      { kinds: [42], "#e": [channel] },
      {
        oneose: ready,
        onevent: (event) => {
          if (event.pubkey === me.pubkey) return
          const body = parse(event)
          if (body?.type === "JobRequest") void onRequest(event, body)
          if (body?.type === "PaymentSent") void onPayment(event, body)
        }
      }
    )
  })
  return { pubkey: me.pubkey, channel, close: () => pool.destroy() }
}

export interface Customer {
  readonly buy: (prompt: string) => Promise<string>
  readonly close: () => void
}

/** `seed` asks for everything that is said in the channel, as the seed did; `p` for its own. */
export type Listening = "seed" | "p"

export const join = async (
  relay: string,
  disk: Disk,
  provider: Provider,
  listening: Listening
): Promise<Customer> => {
  const pool = Nostr.pool()
  const me = Nostr.identity()
  const { channel, pubkey } = provider
  const jobs = new Map<string, { done: (text: string) => void; paid: boolean }>()
  const publish = (event: Event) => Promise.all(pool.publish([relay], event))

  const onInvoice = async (request: string, body: Message) => {
    const preimage = String(body["bolt11"]).slice("lnbcrt100n1".length)
    await times(disk, `${request}:payment`, customerWrites.payment)
    const paid = { type: "PaymentSent", job_id: body["job_id"], payment_id: preimage }
    await publish(message(me, relay, channel, paid, pubkey, request))
  }

  const onResult = async (request: string, { result }: Message) => {
    await times(disk, `${request}:result`, customerWrites.result)
    jobs.get(request)?.done(String(result))
    jobs.delete(request)
  }

  const filter: Filter = {
    kinds: [42],
    "#e": [channel],
    ...(listening === "p" ? { "#p": [me.pubkey] } : {}),
    since: Math.floor(Date.now() / 1_000)
  }
  await new Promise<void>((ready) => {
    pool.subscribe([relay], filter, {
      oneose: ready,
      onevent: (event) => {
        if (event.pubkey !== pubkey) return
        const job = jobs.get(replyOf(event))
        const body = job && parse(event)
        if (job === undefined || body === undefined) return
        if (body.type === "Invoice" && !job.paid) {
          job.paid = true
          void onInvoice(replyOf(event), body)
        }
        if (body.type === "JobResult") void onResult(replyOf(event), body)
      }
    })
  })

  return {
    buy: async (prompt) => {
      const body = {
        type: "JobRequest",
        kind: 5050,
        prompt,
        max_tokens: 500,
        target_provider: pubkey
      }
      const event = message(me, relay, channel, body, pubkey)
      const result = new Promise<string>((done) => jobs.set(event.id, { done, paid: false }))
      await times(disk, `${event.id}:request`, customerWrites.request)
      await publish(event)
      return await result
    },
    close: () => pool.destroy()
  }
}
