/**
 * Jobs by agent messages in the provider's channel (NIP-28, kind 42): one subscription a
 * channel, however many jobs are open in it, and every answer handed to its job by a look-up.
 */
import { AgentMessage, Channel, Key, NostrEvent, Settlement } from "@farthing/protocol"
import { Relay, Signer, UnixTime } from "@farthing/relay"
import { Cause, Effect, Latch, Layer, Option, Queue, RcMap, Redacted, Stream } from "effect"
import type { Scope } from "effect"
import { randomBytes } from "node:crypto"
import type { RelayUnavailable } from "./ComputeError.ts"
import { relayUnavailable } from "./ComputeError.ts"
import * as Delivery from "./Delivery.ts"
import { ignore } from "./Metrics.ts"
import * as OwnPreimage from "./OwnPreimage.ts"
import {
  type Answer,
  type Conversation,
  JobTransport,
  type Request,
  type Shape
} from "./JobTransport.ts"

/** Clocks differ: answers are asked for from this many seconds before the request on. */
const clockMargin = 120

/** A channel stays subscribed this long after its last job. */
const lineTimeToLive = "30 seconds"

/** What a single job may send us; pieces of a text come in messages with more around them. */
const maxAnswers = Delivery.maxPieces + 1_000
const maxAnswerLength = Delivery.maxBytes * 8

const make: Effect.Effect<Shape, never, Relay.Relay | Signer.Signer | Scope.Scope> = Effect.gen(
  function* () {
    const relay = yield* Relay.Relay
    const signer = yield* Signer.Signer
    const lines: RcMap.RcMap<LineKey, Line> = yield* RcMap.make({
      lookup: (key: LineKey) =>
        Effect.gen(function* () {
          const line = yield* makeLine(relay, signer.publicKey, {
            ...key,
            since: yield* UnixTime.now
          })
          yield* line.start(Effect.suspend(() => RcMap.invalidate(lines, key)))
          return line
        }),
      idleTimeToLive: lineTimeToLive
    })

    const post = Effect.fnUntraced(function* (
      request: Pick<Request, "channel" | "relay">,
      message: AgentMessage.AgentMessage,
      { salt = newSalt(), ...about }: Partial<Pick<Channel.Post, "reply" | "trace" | "salt">> = {}
    ) {
      const createdAt = yield* UnixTime.now
      return yield* signer.sign(
        Channel.message({
          channel: request.channel,
          relay: request.relay,
          message,
          ...about,
          salt,
          createdAt
        })
      )
    })

    const followUp = (request: Request, message: AgentMessage.FollowUp) =>
      post(request, message, { reply: { to: request.event.id, author: request.provider } })

    const publish = (event: NostrEvent.NostrEvent) =>
      relay.publish(event).pipe(Effect.mapError(relayUnavailable), Effect.asVoid)

    const prepare: Shape["prepare"] = Effect.fnUntraced(function* (provider, wish) {
      const way = { channel: provider.channel, relay: provider.relays[0] ?? "" }
      const salt = newSalt()
      const settlement = Settlement.modeOf(wish.way)
      const rail = Settlement.railOf(wish.way)
      const preimage =
        settlement === "escrow"
          ? Option.some(yield* OwnPreimage.derive(signer, { provider: provider.provider, salt }))
          : Option.none()
      const message: AgentMessage.JobRequest = {
        type: "JobRequest",
        kind: AgentMessage.textGeneration,
        prompt: wish.prompt,
        max_tokens: wish.maxTokens,
        target_provider: provider.provider,
        ...(wish.model === undefined ? {} : { model: wish.model }),
        stream: wish.stream,
        max_price_msats: wish.maxPrice,
        settlement: [settlement],
        // Who asks for Lightning asks as it was done before there was another rail.
        ...(rail === "lightning" ? {} : { rails: [rail] }),
        ...Option.match(preimage, {
          onNone: () => ({}),
          onSome: (ours) => ({ payment_hash: OwnPreimage.hashOf(ours) })
        }),
        expires_at: wish.expiresAt
      }
      const about = wish.trace === undefined ? { salt } : { salt, trace: wish.trace }
      const event = yield* post(way, message, about)
      const { provider: pubkey, tagsAnswers } = provider
      return { request: { ...way, provider: pubkey, event, tagsAnswers }, preimage }
    })

    const prepareRelease: Shape["prepareRelease"] = Effect.fnUntraced(
      function* (request, jobName, preimage) {
        const release = AgentMessage.stringify({
          type: "PreimageRelease",
          job_id: jobName,
          preimage: Redacted.value(preimage)
        })
        const payload = yield* signer.encrypt(request.provider, release)
        return yield* followUp(request, {
          type: "Private",
          request_id: request.event.id,
          payload
        })
      },
      // Whose signature we have checked has a key to speak with.
      Effect.orDie
    )

    const converse = (request: Request, line: Line) =>
      Effect.map(
        Effect.acquireRelease(line.open(request.event.id), line.close),
        ({ answers }): Conversation => ({
          answers,
          stored: line.stored,
          tellPaid: (jobName, paymentHash) =>
            followUp(request, {
              type: "PaymentSent",
              job_id: jobName,
              payment_id: paymentHash
            }).pipe(Effect.flatMap(publish)),
          tellLocked: (jobName, { amount, lasts, paymentHash, rail }) =>
            followUp(request, {
              type: "HtlcLocked",
              request_id: request.event.id,
              job_id: jobName,
              payment_hash: paymentHash,
              amount_msats: amount,
              expiry_secs: Math.max(lasts, 0),
              rail
            }).pipe(Effect.flatMap(publish))
        })
      )

    const listen: Shape["listen"] = Effect.fnUntraced(function* (request) {
      const { channel, provider, tagsAnswers } = request
      const key = { channel, provider, tagsAnswers }
      const line = yield* RcMap.get(lines, key)
      if (line.hasFailed()) yield* RcMap.invalidate(lines, key)
      return yield* converse(request, line)
    })

    const listenAgain: Shape["listenAgain"] = Effect.fnUntraced(function* (request) {
      const { channel, event, provider, tagsAnswers } = request
      const line = yield* makeLine(relay, signer.publicKey, {
        channel,
        provider,
        tagsAnswers,
        since: event.created_at,
        isReplay: true
      })
      const conversation = yield* converse(request, line)
      yield* line.start(Effect.void)
      return conversation
    })

    return {
      prepare,
      prepareRefund: (request, bolt11) =>
        followUp(request, { type: "RefundInvoice", request_id: request.event.id, bolt11 }),
      prepareRelease,
      // As with what is encrypted to it.
      conversationKey: ({ provider }) => Effect.orDie(signer.conversationKey(provider)),
      read: (message, event) =>
        Option.flatMapNullishOr(AgentMessage.parse(message), (opened) => toAnswer(opened, event)),
      send: ({ event }) => publish(event),
      listen,
      listenAgain
    }
  }
)

export const layer: Layer.Layer<JobTransport, never, Relay.Relay | Signer.Signer> = Layer.effect(
  JobTransport,
  make
)

/** What a shared subscription is for. */
type LineKey = Pick<Request, "channel" | "provider" | "tagsAnswers">

interface LineOptions extends LineKey {
  /** Unix seconds. */
  readonly since: number
  /**
   * Relays send what they stored in an order of their own, so that of a text whose pieces have
   * no numbers only the whole one can be had again.
   */
  readonly isReplay?: boolean
}

/** One subscription and the jobs that listen to it. */
interface Line {
  /** Subscribes until the scope closes; `giveUp` runs if the relays refuse. */
  readonly start: (giveUp: Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
  readonly open: (request: NostrEvent.EventId) => Effect.Effect<Mailbox>
  readonly close: (mailbox: Mailbox) => Effect.Effect<void>
  readonly stored: Effect.Effect<void>
  readonly hasFailed: () => boolean
}

/** What came for one job and was not taken yet. */
interface Mailbox {
  readonly request: NostrEvent.EventId
  readonly answers: Queue.Queue<Answer, RelayUnavailable>
  /** Characters that may still come. */
  room: number
}

const makeLine = Effect.fnUntraced(function* (
  relay: Relay.Shape,
  customer: Key.PublicKey,
  options: LineOptions
) {
  const { channel, isReplay, provider, since, tagsAnswers } = options
  const byRequest = new Map<string, Mailbox>()
  const byJobId = new Map<string, Mailbox>()
  const stored = yield* Latch.make()
  let failure: RelayUnavailable | undefined

  const filter = Channel.customerFilter({
    channel,
    provider,
    since: Math.max(since - clockMargin, 0),
    ...(tagsAnswers ? { customer } : {})
  })

  /** The job that the message names; whether it is really an answer is judged afterwards. */
  const mailboxOf = (event: NostrEvent.NostrEvent, message: AgentMessage.AgentMessage) =>
    byRequest.get(Option.getOrElse(Channel.replyOf(event), () => "")) ??
    ("request_id" in message ? byRequest.get(message.request_id ?? "") : undefined) ??
    ("job_id" in message ? byJobId.get(message.job_id ?? "") : undefined)

  const handOver = (event: NostrEvent.NostrEvent): Effect.Effect<void> => {
    if (isForOthers(event, byRequest)) return Effect.void
    const message = AgentMessage.parse(event.content)
    if (Option.isNone(message)) return ignore("unreadable")
    const mailbox = mailboxOf(event, message.value)
    if (mailbox === undefined) return ignore("no_such_job")
    const expected = { provider, requestId: mailbox.request }
    if (!Channel.isAnswerTo(event, message.value, expected)) return ignore("references_disagree")
    const answer = toAnswer(message.value, event)
    if (answer === undefined) return ignore("not_understood")
    if (isReplay === true && isUnnumbered(answer)) return ignore("order_lost")
    mailbox.room -= event.content.length
    if (mailbox.room < 0 || !Queue.offerUnsafe(mailbox.answers, answer)) return ignore("too_much")
    return Effect.void
  }

  const fail = (error: RelayUnavailable) =>
    Effect.sync(() => {
      failure = error
      for (const { answers } of byRequest.values())
        Queue.failCauseUnsafe(answers, Cause.fail(error))
    })

  const line: Line = {
    start: (giveUp) =>
      relay.subscribe([filter], { onStored: Effect.asVoid(stored.open) }).pipe(
        Stream.runForEach(handOver),
        Effect.mapError(relayUnavailable),
        Effect.catch((error) => Effect.all([fail(error), stored.open, giveUp], { discard: true })),
        Effect.forkScoped({ startImmediately: true }),
        Effect.asVoid
      ),
    open: Effect.fnUntraced(function* (request) {
      const answers = yield* Queue.dropping<Answer, RelayUnavailable>(maxAnswers)
      const mailbox: Mailbox = { request, answers, room: maxAnswerLength }
      if (failure !== undefined) yield* Queue.fail(answers, failure)
      byRequest.set(request, mailbox)
      byJobId.set(AgentMessage.jobIdOf(request), mailbox)
      return mailbox
    }),
    close: (mailbox) =>
      Effect.suspend(() => {
        const jobId = AgentMessage.jobIdOf(mailbox.request)
        if (byRequest.get(mailbox.request) === mailbox) byRequest.delete(mailbox.request)
        if (byJobId.get(jobId) === mailbox) byJobId.delete(jobId)
        return Queue.shutdown(mailbox.answers)
      }),
    stored: stored.await,
    hasFailed: () => failure !== undefined
  }
  return line
})

/** A reply to somebody else's request need not even be parsed. */
const isForOthers = (
  event: NostrEvent.NostrEvent,
  byRequest: ReadonlyMap<string, Mailbox>
): boolean => Option.exists(Channel.replyOf(event), (request) => !byRequest.has(request))

const isUnnumbered = (answer: Answer): boolean =>
  answer._tag === "Piece" && answer.seq === undefined

const newSalt = () => Channel.Salt.make(randomBytes(8).toString("hex"))

const toAnswer = (
  message: AgentMessage.AgentMessage,
  event: NostrEvent.NostrEvent
): Answer | undefined => {
  switch (message.type) {
    case "Invoice":
      return {
        _tag: "Quoted",
        rail: "lightning",
        jobName: message.job_id,
        bolt11: message.bolt11,
        amount: message.amount_msats,
        paymentHash: message.payment_hash,
        settlement: AgentMessage.settlementOf(message),
        hold: message.hold ?? false,
        expiresAt: message.expires_at
      }
    case "EscrowQuote":
      return message.rail === "spark" ? toHtlcQuote(message) : undefined
    case "JobError":
      return {
        _tag: "Refused",
        code: AgentMessage.jobErrorCode(message.code),
        message: message.message
      }
    case "JobStatus":
      return { _tag: "Working", status: message.status }
    case "StreamChunk":
      return {
        _tag: "Piece",
        seq: message.seq,
        text: message.chunk,
        at: event.created_at,
        end: message.is_final ? { ...summaryOf(message), model: undefined } : undefined
      }
    case "JobResult":
      return {
        _tag: "Whole",
        text: message.result,
        summary: { ...summaryOf(message), model: message.model }
      }
    case "SealedChunk":
      return { _tag: "SealedPiece", seq: message.seq, ciphertext: message.ciphertext, event }
    case "SealedResult":
      return { _tag: "SealedEnd", commitment: message, event }
    case "RefundOffer":
      return {
        _tag: "RefundOffered",
        amount: message.amount_msats,
        expiresAt: message.expires_at
      }
    default:
      return undefined
  }
}

const toHtlcQuote = (message: AgentMessage.EscrowQuote): Answer => ({
  _tag: "Quoted",
  rail: "spark",
  jobName: message.job_id ?? AgentMessage.jobIdOf(message.request_id),
  settlement: "escrow",
  address: message.spark_address,
  amount: message.amount_msats,
  paymentHash: message.payment_hash,
  lockSeconds: message.lock_secs,
  expiresAt: message.expires_at
})

const summaryOf = (message: AgentMessage.StreamChunk | AgentMessage.JobResult) => ({
  sha256: message.sha256,
  tokensIn: message.tokens_in,
  tokensOut: message.tokens_out,
  finishReason: message.finish_reason
})
