/** One request to a scripted provider, and everything that it may do about it. */
import { AgentMessage, Bolt11, Channel, type Key, Msat, type NostrEvent } from "@farthing/protocol"
import { type Signer, UnixTime } from "@farthing/relay"
import type { Bank } from "@farthing/wallet"
import { Deferred, Effect, Option, Stream } from "effect"
import { hash, randomBytes } from "node:crypto"

export interface How {
  readonly reply?: NostrEvent.EventId
  /** No tag of the request at all. */
  readonly loose?: boolean
  /** Who signs it; default: the provider. */
  readonly as?: Signer.Shape
  /** Unix seconds; default: now, by the provider's clock. */
  readonly createdAt?: number
}

/** An invoice whose money is locked until its owner takes it or gives it back. */
export interface HoldTerms {
  readonly paymentHash: Bolt11.PaymentHash
  /** In blocks: for how long the money can be locked; default: the bank's. */
  readonly minFinalCltvDelta?: number
}

export interface Job {
  readonly event: NostrEvent.NostrEvent
  readonly request: AgentMessage.JobRequest
  /** The id that the wire asks for. */
  readonly jobId: string
  /** The provider's key, and what it seals with. */
  readonly signer: Signer.Shape
  /** The provider's account at the bank. */
  readonly account: string
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
  /** The same, whose money is locked until its preimage is shown. */
  readonly makeHold: (amount: Msat.Msat, terms: HoldTerms) => Effect.Effect<Bolt11.Invoice>
  /** The message that carries an invoice for this job, changed as a test likes. */
  readonly quoteOf: (
    invoice: Bolt11.Invoice,
    change?: Partial<AgentMessage.Invoice>
  ) => AgentMessage.Invoice
  /** Says an invoice, changed as a test likes. */
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
  /** Waits until the money of an invoice is locked. */
  readonly isLocked: (invoice: Bolt11.Invoice) => Effect.Effect<void>
  /** Shows the bank a preimage; whether it gives the money for it. */
  readonly claim: (preimage: Bolt11.Preimage) => Effect.Effect<boolean>
  /** Gives locked money back. */
  readonly giveBack: (invoice: Bolt11.Invoice) => Effect.Effect<void>
  /** Pays at the bank out of what the provider has earned; tells nobody. */
  readonly pay: (bolt11: string) => Effect.Effect<void>

  /** Waits for the customer's word that it has paid. */
  readonly paymentSent: Effect.Effect<AgentMessage.PaymentSent>
  /** Waits for the customer's invoice for its money back. */
  readonly refundInvoice: Effect.Effect<AgentMessage.RefundInvoice>
  /** Waits for it, and pays it. */
  readonly payRefund: Effect.Effect<void>
  /** The events that brought one so far. */
  readonly refundInvoices: ReadonlyArray<NostrEvent.NostrEvent>
  /** Waits for the customer's word that its money is locked. */
  readonly htlcLocked: Effect.Effect<AgentMessage.HtlcLocked>
  /** Waits for the preimage that the customer releases for the provider's eyes. */
  readonly released: Effect.Effect<Bolt11.Preimage>
  /** What the customer has followed up with so far, as everybody in the channel sees it. */
  readonly followUps: ReadonlyArray<AgentMessage.FollowUp>

  /** Fails at the job. */
  readonly fail: Effect.Effect<void>
  /** Offers so much of the money back, for a day; changed as a test likes. */
  readonly offerRefund: (
    amount: Msat.Msat,
    change?: Partial<AgentMessage.RefundOffer>,
    how?: How
  ) => Effect.Effect<void>
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

/** A job, and how it hears of its customer. */
export interface Heard {
  readonly job: Job
  readonly hear: (
    event: NostrEvent.NostrEvent,
    message: AgentMessage.FollowUp
  ) => Effect.Effect<void>
}

export interface Provider {
  readonly signer: Signer.Shape
  readonly bank: Bank.Shape
  readonly account: string
  readonly channel: NostrEvent.EventId
  readonly publish: (event: NostrEvent.NostrEvent) => Effect.Effect<void>
  /** Unix seconds, by the provider's clock. */
  readonly now: Effect.Effect<number>
}

/** Makes an invoice at the bank. */
export const makeInvoice = Effect.fnUntraced(function* (
  { account, bank }: Pick<Provider, "account" | "bank">,
  amount: Msat.Msat,
  terms?: HoldTerms
) {
  const asked = { amount, description: "a job", expiry: "10 minutes", ...terms } as const
  const { bolt11 } = yield* bank.makeInvoice(account, asked)
  return yield* Effect.fromResult(Bolt11.decode(bolt11))
}, Effect.orDie)

export const make = Effect.fnUntraced(function* (
  provider: Provider,
  event: NostrEvent.NostrEvent,
  request: AgentMessage.JobRequest
) {
  const { account, bank, channel, now, publish, signer } = provider
  const jobId = AgentMessage.jobIdOf(event.id)
  const followUps: Array<AgentMessage.FollowUp> = []
  const refundInvoices: Array<NostrEvent.NostrEvent> = []
  const sent = yield* Deferred.make<AgentMessage.PaymentSent>()
  const refund = yield* Deferred.make<AgentMessage.RefundInvoice>()
  const htlcLocked = yield* Deferred.make<AgentMessage.HtlcLocked>()
  const released = yield* Deferred.make<Bolt11.Preimage>()

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

  const make = (amount: Msat.Msat, terms?: HoldTerms) => makeInvoice(provider, amount, terms)

  const pay: Job["pay"] = (bolt11) =>
    Effect.fromResult(Bolt11.decode(bolt11)).pipe(
      Effect.flatMap((invoice) =>
        bank.pay(account, { invoice, maxFee: Msat.most, expiresAt: invoice.expiresAt })
      ),
      Effect.orDie,
      Effect.asVoid
    )

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

  /** Waits until the bank says this of an invoice. */
  const becomes = (
    { paymentHash }: Bolt11.Invoice,
    ...states: ReadonlyArray<"held" | "settled">
  ): Effect.Effect<void> =>
    bank.changes(account).pipe(
      Stream.merge(Stream.make(undefined)),
      Stream.mapEffect(() => bank.findInvoice(account, paymentHash)),
      Stream.filter(Option.exists(({ state }) => states.some((wanted) => wanted === state))),
      Stream.runHead,
      Effect.orDie,
      Effect.asVoid
    )

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
    signer,
    account,
    say,
    draft,
    publish,
    makeInvoice: make,
    makeHold: make,
    quoteOf,
    quote,
    invoice: (amount, change) => Effect.tap(make(amount), (invoice) => quote(invoice, change)),
    isPaid: (invoice) => becomes(invoice, "settled"),
    isLocked: (invoice) => becomes(invoice, "held", "settled"),
    claim: (preimage) =>
      bank.settleHold(account, preimage).pipe(
        Effect.as(true),
        Effect.orElseSucceed(() => false)
      ),
    giveBack: ({ paymentHash }) => Effect.orDie(bank.cancelHold(account, paymentHash)),
    pay,
    paymentSent: Deferred.await(sent),
    refundInvoice: Deferred.await(refund),
    payRefund: Effect.flatMap(Deferred.await(refund), ({ bolt11 }) => pay(bolt11)),
    refundInvoices,
    htlcLocked: Deferred.await(htlcLocked),
    released: Deferred.await(released),
    followUps,
    fail: say({
      type: "JobError",
      job_id: jobId,
      request_id: event.id,
      code: "inference_failed",
      message: "out of memory"
    }),
    offerRefund: Effect.fnUntraced(function* (amount, change, how) {
      const expires_at = (yield* UnixTime.now) + 86_400
      const offer = { request_id: event.id, amount_msats: amount, expires_at, ...change }
      yield* say({ type: "RefundOffer", ...offer }, how)
    }),
    resultOf,
    result: (text, change) => say(resultOf(text, change)),
    chunkOf,
    chunk: (seq, text, change) => say(chunkOf(seq, text, change))
  }

  const hear: Heard["hear"] = Effect.fnUntraced(function* (followUp, message) {
    followUps.push(message)
    if (message.type === "PaymentSent") yield* Deferred.succeed(sent, message)
    if (message.type === "RefundInvoice") {
      refundInvoices.push(followUp)
      yield* Deferred.succeed(refund, message)
    }
    if (message.type === "HtlcLocked") yield* Deferred.succeed(htlcLocked, message)
    if (message.type !== "Private") return
    const inner = yield* openPrivate(signer, event.pubkey, message)
    if (inner?.type === "PreimageRelease") yield* Deferred.succeed(released, inner.preimage)
  })
  return { job, hear } satisfies Heard
})

/** What was said for one's own eyes; undefined if it was not. */
const openPrivate = (
  signer: Signer.Shape,
  author: Key.PublicKey,
  { payload }: AgentMessage.Private
): Effect.Effect<AgentMessage.FollowUp | undefined> =>
  signer.decrypt(author, payload).pipe(
    Effect.map((text) =>
      AgentMessage.parse(text).pipe(Option.filter(AgentMessage.isFollowUp), Option.getOrUndefined)
    ),
    Effect.orElseSucceed(() => undefined)
  )
