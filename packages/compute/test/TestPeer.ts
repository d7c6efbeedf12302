/**
 * A provider that does what a test tells it to: real keys, real invoices of a real bank, the wire
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
import { Relay, Signer, UnixTime } from "@farthing/relay"
import { Bank } from "@farthing/wallet"
import { Deferred, Effect, Latch, Option, Stream } from "effect"
import { hash, randomBytes } from "node:crypto"

export interface Profile {
  readonly name: string
  readonly price?: Msat.Msat | undefined
  readonly models?: ReadonlyArray<string>
  readonly tagsAnswers?: boolean
  readonly announcement?: Partial<Announcement.Announcement>
}

/** One request, and what a provider may do about it. */
export interface Job {
  readonly event: NostrEvent.NostrEvent
  readonly request: AgentMessage.JobRequest
  /** The id that the wire asks for. */
  readonly jobId: string
  /** Says something as an answer to the request. */
  readonly say: (message: AgentMessage.AgentMessage, how?: How) => Effect.Effect<void>
  /** Makes an invoice at the bank; says nothing. */
  readonly makeInvoice: (amount: Msat.Msat) => Effect.Effect<Bolt11.Invoice>
  /** Makes an invoice and says it, changed as a test likes. */
  readonly invoice: (
    amount: Msat.Msat,
    change?: Partial<AgentMessage.Invoice>
  ) => Effect.Effect<Bolt11.Invoice>
  /** Waits for the customer's word that it has paid. */
  readonly paymentSent: Effect.Effect<{ readonly payment_id: string; readonly job_id: string }>
  readonly result: (text: string, change?: Partial<AgentMessage.JobResult>) => Effect.Effect<void>
  /** Says that it could not do the job. */
  readonly fail: Effect.Effect<void>
  /** Offers the money back; until a day from now, if the test does not say otherwise. */
  readonly offerRefund: (amount: Msat.Msat, expiresAt?: number) => Effect.Effect<void>
  /** Waits for the customer's invoice for a refund. */
  readonly refundInvoice: Effect.Effect<Bolt11.Invoice>
  /** Waits for the customer's invoice for a refund and pays it. */
  readonly payRefund: Effect.Effect<void>
  /** The events that brought an invoice for a refund. */
  readonly refundInvoices: ReadonlyArray<NostrEvent.NostrEvent>
  /** One numbered piece. */
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
  readonly as?: Peer
}

export interface Peer {
  readonly pubkey: Key.PublicKey
  readonly channel: NostrEvent.EventId
  readonly signer: Signer.Shape
  readonly announce: (change?: Partial<Announcement.Announcement>) => Effect.Effect<void>
  /** Does the same for every request until the test ends. */
  readonly serve: (script: (job: Job) => Effect.Effect<unknown>) => Effect.Effect<void>
  /** The requests that came so far. */
  readonly requests: ReadonlyArray<Job>
}

export const make = Effect.fnUntraced(function* (profile: Profile) {
  const relay = yield* Relay.Relay
  const bank = yield* Bank.Bank
  const scope = yield* Effect.scope
  const signer = Signer.make(Key.generate())
  yield* Effect.orDie(bank.open(profile.name))
  const now = yield* UnixTime.now
  const created = yield* signer.sign(
    Channel.creation({ name: profile.name, about: "", picture: "", relays: [] }, now)
  )
  yield* Effect.orDie(relay.publish(created))
  const channel = created.id
  const requests: Array<Job> = []
  let announced = now

  const publish = (as: Signer.Shape, template: NostrEvent.Template) =>
    as.sign(template).pipe(Effect.flatMap(relay.publish), Effect.orDie, Effect.asVoid)

  const announce: Peer["announce"] = Effect.fnUntraced(function* (change) {
    announced = Math.max(announced + 1, yield* UnixTime.now)
    const template = Announcement.toTemplate(
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
        models: profile.models ?? ["tiny"],
        modelPrices: {},
        kinds: [AgentMessage.textGeneration],
        capabilities: ["text-generation"],
        settlements: ["upfront"],
        tagsAnswers: profile.tagsAnswers ?? true,
        online: true,
        expiresAt: Option.some(announced + 1800),
        ...profile.announcement,
        ...change
      },
      announced
    )
    yield* publish(signer, template)
  })

  const jobOf = Effect.fnUntraced(function* (
    event: NostrEvent.NostrEvent,
    request: AgentMessage.JobRequest
  ) {
    const jobId = AgentMessage.jobIdOf(event.id)
    const sent = yield* Latch.make()
    let payment = { payment_id: "", job_id: "" }
    const say: Job["say"] = Effect.fnUntraced(function* (message, how = {}) {
      const author = how.as ?? peer
      yield* publish(
        author.signer,
        Channel.message({
          channel,
          relay: "",
          message,
          ...(how.loose === true
            ? {}
            : { reply: { to: how.reply ?? event.id, author: event.pubkey } }),
          salt: Channel.Salt.make(randomBytes(8).toString("hex")),
          createdAt: yield* UnixTime.now
        })
      )
    })
    const makeInvoice: Job["makeInvoice"] = (amount) =>
      bank.makeInvoice(profile.name, { amount, description: "a job", expiry: "10 minutes" }).pipe(
        Effect.flatMap(({ bolt11 }) => Effect.fromResult(Bolt11.decode(bolt11))),
        Effect.orDie
      )
    const refundInvoices: Array<NostrEvent.NostrEvent> = []
    const refundAsked = yield* Deferred.make<Bolt11.Invoice>()
    const pay = (invoice: Bolt11.Invoice) =>
      bank
        .pay(profile.name, { invoice, maxFee: Msat.make(5000), expiresAt: invoice.expiresAt })
        .pipe(Effect.orDie, Effect.asVoid)
    const job: Job = {
      event,
      request,
      jobId,
      say,
      makeInvoice,
      invoice: Effect.fnUntraced(function* (amount, change) {
        const invoice = yield* makeInvoice(amount)
        yield* say({
          type: "Invoice",
          job_id: jobId,
          bolt11: invoice.bolt11,
          amount_msats: amount,
          payment_hash: invoice.paymentHash,
          request_id: event.id,
          ...change
        })
        return invoice
      }),
      paymentSent: Effect.map(sent.await, () => payment),
      result: (text, change) =>
        say({
          type: "JobResult",
          job_id: jobId,
          request_id: event.id,
          result: text,
          sha256: hash("sha256", text),
          ...change
        }),
      fail: say({
        type: "JobError",
        request_id: event.id,
        code: "inference_failed",
        message: "out of memory"
      }),
      offerRefund: Effect.fnUntraced(function* (amount, expiresAt) {
        yield* say({
          type: "RefundOffer",
          request_id: event.id,
          amount_msats: amount,
          expires_at: expiresAt ?? (yield* UnixTime.now) + 24 * 3600
        })
      }),
      refundInvoice: Deferred.await(refundAsked),
      payRefund: Effect.flatMap(Deferred.await(refundAsked), pay),
      refundInvoices,
      chunk: (seq, text, change) =>
        say({
          type: "StreamChunk",
          job_id: jobId,
          request_id: event.id,
          chunk: text,
          is_final: false,
          seq,
          ...change
        })
    }
    const hear = (payload: { readonly payment_id: string; readonly job_id: string }) => {
      payment = { payment_id: payload.payment_id, job_id: payload.job_id }
      return sent.open
    }
    const hearRefundInvoice = Effect.fnUntraced(function* (
      invoiceEvent: NostrEvent.NostrEvent,
      bolt11: string
    ) {
      refundInvoices.push(invoiceEvent)
      yield* Deferred.complete(refundAsked, Effect.orDie(Effect.fromResult(Bolt11.decode(bolt11))))
    })
    return { job, hear, hearRefundInvoice }
  })

  const serve: Peer["serve"] = (script) => {
    const jobs = new Map<string, Effect.Success<ReturnType<typeof jobOf>>>()
    return relay.subscribe([Channel.providerFilter(channel)]).pipe(
      Stream.filter((event) => event.pubkey !== signer.publicKey),
      Stream.runForEach(
        Effect.fnUntraced(function* (event) {
          const message = AgentMessage.parse(event.content)
          if (Option.isNone(message)) return
          if (message.value.type === "JobRequest") {
            const known = yield* jobOf(event, message.value)
            jobs.set(event.id, known)
            requests.push(known.job)
            yield* Effect.forkIn(script(known.job), scope, { startImmediately: true })
          }
          if (message.value.type === "PaymentSent") {
            const request = Option.getOrElse(Channel.replyOf(event), () => "")
            yield* jobs.get(request)?.hear(message.value) ?? Effect.void
          }
          if (message.value.type === "RefundInvoice") {
            const { bolt11, request_id } = message.value
            yield* jobs.get(request_id)?.hearRefundInvoice(event, bolt11) ?? Effect.void
          }
        })
      ),
      Effect.orDie,
      Effect.forkIn(scope, { startImmediately: true }),
      Effect.asVoid
    )
  }

  const peer: Peer = { pubkey: signer.publicKey, channel, signer, announce, serve, requests }
  return peer
})

/** A provider that is announced and serves. */
export const open = Effect.fnUntraced(function* (
  profile: Profile,
  script: (job: Job) => Effect.Effect<unknown>
) {
  const peer = yield* make(profile)
  yield* peer.announce()
  yield* peer.serve(script)
  return peer
})

/** What every good provider does. */
export const honest =
  (
    amount: Msat.Msat,
    text: string | ((prompt: string) => string) = (prompt) => `echo: ${prompt}`
  ) =>
  (job: Job) =>
    Effect.gen(function* () {
      yield* job.invoice(amount)
      yield* job.paymentSent
      yield* job.result(typeof text === "string" ? text : text(job.request.prompt))
    })
