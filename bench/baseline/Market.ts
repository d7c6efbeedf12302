/**
 * The market as one writes it by hand: a customer and a provider of the seed's flow with nothing
 * checked but signatures.
 *
 * What it writes down is as much as we do: one row in a commit of its own (unless others wait for
 * the disk too) for each commit that a purchase of ours is, on either side. How many those are
 * is not stated here but counted in the same run, in the files themselves.
 */
import type { Event } from "nostr-tools/core"
import type { Filter } from "nostr-tools/filter"
import { hash, randomBytes, randomUUID } from "node:crypto"
import type { Disk } from "./Disk.ts"
import * as Nostr from "./Nostr.ts"
import { amount, type Wallet } from "./Wallet.ts"

interface Message {
  readonly type: string
  readonly [field: string]: unknown
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

/** What everybody has. */
export interface Person {
  readonly relay: string
  readonly disk: Disk
  readonly wallet: Wallet
}

const times = async (disk: Disk, key: string, count: number): Promise<void> => {
  for (let step = 0; step < count; step++) await disk.write(`${key}:${step}`, key)
}

/** Sells; `writes` times it notes each job, the last time when all is said. */
export const provide = async (
  { disk, relay, wallet }: Person,
  writes: number
): Promise<Provider> => {
  const pool = Nostr.pool()
  const me = Nostr.identity()
  const publish = (event: Event) => Promise.allSettled(pool.publish([relay], event))
  const created = me.sign(40, [], JSON.stringify({ name: "compute" }))
  await publish(created)
  const channel = created.id
  const jobs = new Map<string, { request: Event; prompt: unknown; paymentHash: string }>()

  const say = (body: Message, request: Event) =>
    publish(message(me, relay, channel, body, request.pubkey, request.id))

  const onRequest = async (event: Event, { prompt }: Message) => {
    const { bolt11, paymentHash } = await wallet.makeInvoice()
    const jobId = `job-${randomUUID()}`
    jobs.set(jobId, { request: event, prompt, paymentHash })
    await times(disk, `${event.id}:quote`, 1)
    const invoice = { type: "Invoice", job_id: jobId, bolt11, amount_msats: amount }
    await say({ ...invoice, payment_hash: paymentHash }, event)
  }

  const onPayment = async (event: Event, { job_id, payment_id }: Message) => {
    const job = jobs.get(String(job_id))
    if (job === undefined || job.request.pubkey !== event.pubkey) return
    if (hash("sha256", Buffer.from(String(payment_id), "hex")) !== job.paymentHash) return
    jobs.delete(String(job_id))
    await times(disk, `${job.request.id}:paid`, writes - 2)
    await say({ type: "JobResult", job_id, result: `echo: ${String(job.prompt)}` }, job.request)
    await times(disk, `${job.request.id}:said`, 1)
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

/** Buys; `writes` times it notes each purchase: the wish, the result, and the payment in between. */
export const join = async (
  { disk, relay, wallet }: Person,
  options: {
    readonly provider: Provider
    readonly listening: Listening
    readonly writes: number
  }
): Promise<Customer> => {
  const { listening, provider, writes } = options
  const pool = Nostr.pool()
  const me = Nostr.identity()
  const { channel, pubkey } = provider
  const jobs = new Map<string, { done: (text: string) => void; paid: boolean }>()
  const publish = (event: Event) => Promise.allSettled(pool.publish([relay], event))

  const onInvoice = async (request: string, body: Message) => {
    await times(disk, `${request}:payment`, writes - 2)
    const preimage = await wallet.pay(String(body["bolt11"]))
    const paid = { type: "PaymentSent", job_id: body["job_id"], payment_id: preimage }
    await publish(message(me, relay, channel, paid, pubkey, request))
  }

  const onResult = async (request: string, { result }: Message) => {
    await times(disk, `${request}:result`, 1)
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
      await times(disk, `${event.id}:request`, 1)
      await publish(event)
      return await result
    },
    close: () => pool.destroy()
  }
}
