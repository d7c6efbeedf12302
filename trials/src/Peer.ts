/**
 * A provider that does what a trial tells it to: real keys, real invoices of the bank, the wire
 * format and nothing else.
 */
import {
  AgentMessage,
  Announcement,
  Bolt11,
  Channel,
  Key,
  Msat,
  NostrEvent
} from "@farthing/protocol"
import { Signer, UnixTime } from "@farthing/relay"
import { Deferred, Effect, Option, Stream } from "effect"
import { hash, randomBytes } from "node:crypto"
import * as Stage from "./Stage.ts"

export interface Profile {
  readonly name: string
  /** Undefined: it announces none. */
  readonly price?: Msat.Msat | undefined
  readonly announcement?: Partial<Announcement.Announcement>
  /** How far its clock is ahead, in seconds. */
  readonly clockAhead?: number
}

/** One request, and what a provider may do about it. */
export interface Job {
  readonly event: NostrEvent.NostrEvent
  readonly request: AgentMessage.JobRequest
  /** The id that the wire asks for. */
  readonly jobId: string
  /** Says something as an answer to the request. */
  readonly say: (message: AgentMessage.AgentMessage, how?: How) => Effect.Effect<void>
  /** Says what was drafted. */
  readonly publish: (event: NostrEvent.NostrEvent) => Effect.Effect<void>
  /** Signs it, and does not say it yet. */
  readonly draft: (
    message: AgentMessage.AgentMessage,
    how?: How
  ) => Effect.Effect<NostrEvent.NostrEvent>
  /** Makes an invoice at the bank; says nothing. */
  readonly makeInvoice: (amount: Msat.Msat) => Effect.Effect<Bolt11.Invoice>
  /** The message that carries an invoice for this job, changed as a trial likes. */
  readonly quoteOf: (
    invoice: Bolt11.Invoice,
    change?: Partial<AgentMessage.Invoice>
  ) => AgentMessage.Invoice
  /** Says an invoice, changed as a trial likes. */
  readonly quote: (
    invoice: Bolt11.Invoice,
    change?: Partial<AgentMessage.Invoice>
  ) => Effect.Effect<void>
  /** Makes an invoice and says it. */
  readonly invoice: (
    amount: Msat.Msat,
    change?: Partial<AgentMessage.Invoice>
  ) => Effect.Effect<Bolt11.Invoice>
  /** Waits until the bank has the money of an invoice. */
  readonly isPaid: (invoice: Bolt11.Invoice) => Effect.Effect<void>
  /** Pays at the bank out of what the provider has earned; tells nobody. */
  readonly pay: (bolt11: string) => Effect.Effect<void>
  /** Fails at the job. */
  readonly fail: Effect.Effect<void>
  /** Offers so much of the money back, for an hour; changed as a trial likes. */
  readonly offerRefund: (
    amount: Msat.Msat,
    change?: Partial<AgentMessage.RefundOffer>,
    how?: How
  ) => Effect.Effect<void>
  /** Waits for the customer's invoice for its money back. */
  readonly refundInvoice: Effect.Effect<AgentMessage.RefundInvoice>
  /** The message that carries a whole text. */
  readonly resultOf: (
    text: string,
    change?: Partial<AgentMessage.JobResult>
  ) => AgentMessage.JobResult
  readonly result: (text: string, change?: Partial<AgentMessage.JobResult>) => Effect.Effect<void>
  /** The message that carries one numbered piece. */
  readonly chunkOf: (
    seq: number,
    text: string,
    change?: Partial<AgentMessage.StreamChunk>
  ) => AgentMessage.StreamChunk
  readonly chunk: (
    seq: number,
    text: string,
    change?: Partial<AgentMessage.StreamChunk>
  ) => Effect.Effect<void>
}

export interface How {
  readonly reply?: NostrEvent.EventId
  /** No tag of the request at all. */
  readonly loose?: boolean
  /** Who signs it; default: the provider. */
  readonly as?: Signer.Shape
  /** Unix seconds; default: now, by the provider's clock. */
  readonly createdAt?: number
}

export interface Peer {
  readonly pubkey: Key.PublicKey
  readonly signer: Signer.Shape
  readonly account: Stage.Account
  readonly channel: NostrEvent.EventId
  readonly announce: (
    change?: Partial<Announcement.Announcement>
  ) => Effect.Effect<NostrEvent.NostrEvent>
  /** The announcement, signed and not published. */
  readonly announcement: (
    change?: Partial<Announcement.Announcement>
  ) => Effect.Effect<NostrEvent.NostrEvent>
  /** Makes an invoice at the bank; says nothing. */
  readonly makeInvoice: (amount: Msat.Msat) => Effect.Effect<Bolt11.Invoice>
  /** Does the same for every request until the trial ends. */
  readonly serve: (script: Script) => Effect.Effect<void>
  /** The requests that came so far. */
  readonly requests: ReadonlyArray<Job>
  /** The invoices for refunds that came so far. */
  readonly refundInvoices: ReadonlyArray<AgentMessage.RefundInvoice>
}

export type Script = (job: Job) => Effect.Effect<unknown, unknown>

/** Has a channel, and says nothing yet. */
export const make = Effect.fnUntraced(function* (place: Stage.Place, profile: Profile) {
  const { account: openAccount, bank } = yield* Stage.Stage
  const { relay } = place
  const scope = yield* Effect.scope
  const account = yield* openAccount(profile.name, Msat.zero)
  const signer = Signer.make(Key.generate())
  const now = Effect.map(UnixTime.now, (second) => second + (profile.clockAhead ?? 0))

  const publish = (event: NostrEvent.NostrEvent) =>
    relay.publish(event).pipe(Effect.orDie, Effect.asVoid)

  const created = yield* signer.sign(
    Channel.creation(
      { name: profile.name, about: "", picture: "", relays: [] },
      yield* UnixTime.now
    )
  )
  yield* publish(created)
  const channel = created.id
  const requests: Array<Job> = []
  const refundInvoices: Array<AgentMessage.RefundInvoice> = []
  let announced = 0

  const announcement: Peer["announcement"] = Effect.fnUntraced(function* (change) {
    announced = Math.max(announced + 1, yield* now)
    return yield* signer.sign(
      Announcement.toTemplate(
        {
          identifier: "offer",
          name: profile.name,
          about: "",
          picture: Option.none(),
          lud16: Option.none(),
          channel,
          relays: [],
          network: Option.some("regtest"),
          price: Option.fromUndefinedOr(profile.price),
          models: ["tiny"],
          modelPrices: {},
          kinds: [AgentMessage.textGeneration],
          capabilities: ["text-generation"],
          settlements: ["upfront"],
          tagsAnswers: true,
          online: true,
          expiresAt: Option.some(announced + 1800),
          ...profile.announcement,
          ...change
        },
        announced
      )
    )
  })

  const makeInvoice: Peer["makeInvoice"] = (amount) =>
    bank.makeInvoice(account.account, { amount, description: "a job", expiry: "10 minutes" }).pipe(
      Effect.flatMap(({ bolt11 }) => Effect.fromResult(Bolt11.decode(bolt11))),
      Effect.orDie
    )

  const pay: Job["pay"] = (bolt11) =>
    Effect.fromResult(Bolt11.decode(bolt11)).pipe(
      Effect.flatMap((invoice) =>
        bank.pay(account.account, {
          invoice,
          maxFee: Stage.fee,
          expiresAt: invoice.expiresAt
        })
      ),
      Effect.orDie,
      Effect.asVoid
    )

  const jobOf = Effect.fnUntraced(function* (
    event: NostrEvent.NostrEvent,
    request: AgentMessage.JobRequest
  ) {
    const jobId = AgentMessage.jobIdOf(event.id)
    const refund = yield* Deferred.make<AgentMessage.RefundInvoice>()

    const draft: Job["draft"] = Effect.fnUntraced(function* (message, how = {}) {
      return yield* (how.as ?? signer).sign(
        Channel.message({
          channel,
          relay: "",
          message,
          ...(how.loose === true
            ? {}
            : { reply: { to: how.reply ?? event.id, author: event.pubkey } }),
          salt: Channel.Salt.make(randomBytes(8).toString("hex")),
          createdAt: how.createdAt ?? (yield* now)
        })
      )
    })
    const say: Job["say"] = (message, how) => Effect.flatMap(draft(message, how), publish)

    const quoteOf: Job["quoteOf"] = (invoice, change) => ({
      type: "Invoice",
      job_id: jobId,
      bolt11: invoice.bolt11,
      amount_msats: Option.getOrElse(invoice.amount, () => Msat.zero),
      payment_hash: invoice.paymentHash,
      request_id: event.id,
      ...change
    })
    const quote: Job["quote"] = (invoice, change) => say(quoteOf(invoice, change))

    const resultOf: Job["resultOf"] = (text, change) => ({
      type: "JobResult",
      job_id: jobId,
      request_id: event.id,
      result: text,
      sha256: hash("sha256", text),
      ...change
    })

    const chunkOf: Job["chunkOf"] = (seq, text, change) => ({
      type: "StreamChunk",
      job_id: jobId,
      request_id: event.id,
      chunk: text,
      is_final: false,
      seq,
      ...change
    })

    const job: Job = {
      event,
      request,
      jobId,
      say,
      draft,
      publish,
      makeInvoice,
      quoteOf,
      quote,
      invoice: (amount, change) =>
        Effect.tap(makeInvoice(amount), (invoice) => quote(invoice, change)),
      isPaid: ({ paymentHash }) =>
        bank.changes(account.account).pipe(
          Stream.merge(Stream.make(undefined)),
          Stream.mapEffect(() => bank.findInvoice(account.account, paymentHash)),
          Stream.filter(Option.exists(({ state }) => state === "settled")),
          Stream.runHead,
          Effect.orDie,
          Effect.asVoid
        ),
      pay,
      fail: say({
        type: "JobError",
        job_id: jobId,
        request_id: event.id,
        code: "inference_failed",
        message: "no luck"
      }),
      offerRefund: Effect.fnUntraced(function* (amount, change, how) {
        const expires_at = (yield* UnixTime.now) + 3_600
        const offer = { request_id: event.id, amount_msats: amount, expires_at, ...change }
        yield* say({ type: "RefundOffer", ...offer }, how)
      }),
      refundInvoice: Deferred.await(refund),
      resultOf,
      result: (text, change) => say(resultOf(text, change)),
      chunkOf,
      chunk: (seq, text, change) => say(chunkOf(seq, text, change))
    }
    return { job, refund }
  })

  const serve: Peer["serve"] = (script) => {
    const jobs = new Map<string, Effect.Success<ReturnType<typeof jobOf>>>()
    return relay.subscribe([Channel.providerFilter(channel)]).pipe(
      Stream.filter((event) => event.pubkey !== signer.publicKey),
      Stream.runForEach(
        Effect.fnUntraced(function* (event) {
          const message = Option.getOrUndefined(AgentMessage.parse(event.content))
          const known = jobs.get(Option.getOrElse(Channel.replyOf(event), () => ""))
          switch (message?.type) {
            case "JobRequest": {
              const asked = yield* jobOf(event, message)
              jobs.set(event.id, asked)
              requests.push(asked.job)
              yield* script(asked.job).pipe(
                Effect.tapCause((cause) => Effect.logError("A script failed", cause)),
                Effect.forkIn(scope, { startImmediately: true })
              )
              return
            }
            case "RefundInvoice":
              refundInvoices.push(message)
              yield* known === undefined ? Effect.void : Deferred.succeed(known.refund, message)
          }
        })
      ),
      Effect.orDie,
      Effect.forkIn(scope, { startImmediately: true }),
      Effect.asVoid
    )
  }

  const peer: Peer = {
    pubkey: signer.publicKey,
    signer,
    account,
    channel,
    announcement,
    makeInvoice,
    announce: (change) => Effect.tap(announcement(change), publish),
    serve,
    requests,
    refundInvoices
  }
  return peer
})

/** A provider that is announced and serves. */
export const open = Effect.fnUntraced(function* (
  place: Stage.Place,
  profile: Profile,
  script: Script
) {
  const peer = yield* make(place, profile)
  yield* peer.announce()
  yield* peer.serve(script)
  return peer
})

/** What every good provider does. */
export const honest =
  (amount: Msat.Msat, text = "an honest answer"): Script =>
  (job) =>
    Effect.gen(function* () {
      yield* Effect.flatMap(job.invoice(amount), job.isPaid)
      yield* job.result(text)
    })
