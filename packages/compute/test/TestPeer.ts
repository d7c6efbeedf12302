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
import { Deferred, Effect, Option, Stream } from "effect"
import { hash, randomBytes } from "node:crypto"

export interface Profile {
  readonly name: string
  readonly price?: Msat.Msat | undefined
  readonly models?: ReadonlyArray<string>
  readonly tagsAnswers?: boolean
  readonly announcement?: Partial<Announcement.Announcement>
}

/** An invoice whose money is locked until its owner takes it or gives it back. */
export interface HoldTerms {
  readonly paymentHash: Bolt11.PaymentHash
  /** In blocks: for how long the money can be locked; default: the bank's. */
  readonly minFinalCltvDelta?: number
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
  /** Makes an invoice whose money stays locked until its preimage is shown; says nothing. */
  readonly makeHold: (amount: Msat.Msat, terms: HoldTerms) => Effect.Effect<Bolt11.Invoice>
  /** Says an invoice, changed as a test likes. */
  readonly quote: (
    invoice: Bolt11.Invoice,
    change?: Partial<AgentMessage.Invoice>
  ) => Effect.Effect<void>
  /** Waits until the money of an invoice is locked. */
  readonly isLocked: (invoice: Bolt11.Invoice) => Effect.Effect<void>
  /** Shows the bank a preimage; whether it gives the money for it. */
  readonly claim: (preimage: Bolt11.Preimage) => Effect.Effect<boolean>
  /** Gives locked money back. */
  readonly giveBack: (invoice: Bolt11.Invoice) => Effect.Effect<void>
  /** Waits for the customer's word that its money is locked. */
  readonly htlcLocked: Effect.Effect<AgentMessage.HtlcLocked>
  /** Waits for the preimage that the customer releases for the provider's eyes. */
  readonly released: Effect.Effect<Bolt11.Preimage>
  /** What the customer has followed up with so far, as everybody in the channel sees it. */
  readonly followUps: ReadonlyArray<AgentMessage.FollowUp>
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
    const sent = yield* Deferred.make<AgentMessage.PaymentSent>()
    const htlcLocked = yield* Deferred.make<AgentMessage.HtlcLocked>()
    const released = yield* Deferred.make<Bolt11.Preimage>()
    const followUps: Array<AgentMessage.FollowUp> = []
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
    const makeInvoice = Effect.fnUntraced(function* (amount: Msat.Msat, terms?: HoldTerms) {
      const asked = { amount, description: "a job", expiry: "10 minutes", ...terms } as const
      const { bolt11 } = yield* bank.makeInvoice(profile.name, asked)
      return yield* Effect.fromResult(Bolt11.decode(bolt11))
    }, Effect.orDie)
    const quote: Job["quote"] = (invoice, change) =>
      say({
        type: "Invoice",
        job_id: jobId,
        bolt11: invoice.bolt11,
        amount_msats: Option.getOrElse(invoice.amount, () => Msat.zero),
        payment_hash: invoice.paymentHash,
        request_id: event.id,
        ...change
      })
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
      makeHold: makeInvoice,
      quote,
      invoice: (amount, change) =>
        Effect.tap(makeInvoice(amount), (invoice) => quote(invoice, change)),
      isLocked: ({ paymentHash }) =>
        bank.changes(profile.name).pipe(
          Stream.merge(Stream.make(undefined)),
          Stream.mapEffect(() => bank.findInvoice(profile.name, paymentHash)),
          Stream.filter(Option.exists(({ state }) => state === "held" || state === "settled")),
          Stream.runHead,
          Effect.orDie,
          Effect.asVoid
        ),
      claim: (preimage) =>
        bank.settleHold(profile.name, preimage).pipe(
          Effect.as(true),
          Effect.orElseSucceed(() => false)
        ),
      giveBack: ({ paymentHash }) => Effect.orDie(bank.cancelHold(profile.name, paymentHash)),
      htlcLocked: Deferred.await(htlcLocked),
      released: Deferred.await(released),
      followUps,
      paymentSent: Deferred.await(sent),
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
    const hear = Effect.fnUntraced(function* (
      followUp: NostrEvent.NostrEvent,
      message: AgentMessage.FollowUp
    ) {
      followUps.push(message)
      switch (message.type) {
        case "PaymentSent":
          yield* Deferred.succeed(sent, message)
          return
        case "HtlcLocked":
          yield* Deferred.succeed(htlcLocked, message)
          return
        case "RefundInvoice":
          refundInvoices.push(followUp)
          yield* Deferred.complete(
            refundAsked,
            Effect.orDie(Effect.fromResult(Bolt11.decode(message.bolt11)))
          )
          return
        case "Private": {
          const inner = yield* openPrivate(signer, event.pubkey, message)
          if (inner?.type === "PreimageRelease") yield* Deferred.succeed(released, inner.preimage)
        }
      }
    })
    return { job, hear }
  })

  const serve: Peer["serve"] = (script) => {
    const jobs = new Map<string, Effect.Success<ReturnType<typeof jobOf>>>()
    return relay.subscribe([Channel.providerFilter(channel)]).pipe(
      Stream.filter((event) => event.pubkey !== signer.publicKey),
      Stream.runForEach(
        Effect.fnUntraced(function* (event) {
          const message = Option.getOrUndefined(AgentMessage.parse(event.content))
          if (message === undefined) return
          if (message.type === "JobRequest") {
            const known = yield* jobOf(event, message)
            jobs.set(event.id, known)
            requests.push(known.job)
            yield* Effect.forkIn(script(known.job), scope, { startImmediately: true })
            return
          }
          const request = Option.getOrElse(Channel.replyOf(event), () => "")
          if (AgentMessage.isFollowUp(message))
            yield* jobs.get(request)?.hear(event, message) ?? Effect.void
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

/** What was said for one's own eyes; undefined if it was not. */
const openPrivate = (
  signer: Signer.Shape,
  author: Key.PublicKey,
  { payload }: AgentMessage.Private
): Effect.Effect<AgentMessage.AgentMessage | undefined> =>
  signer.decrypt(author, payload).pipe(
    Effect.map((text) => Option.getOrUndefined(AgentMessage.parse(text))),
    Effect.orElseSucceed(() => undefined)
  )
