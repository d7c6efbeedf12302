/**
 * The provider's side of the market: announces itself, quotes, sees the money come in, infers
 * and delivers.
 */
import { AgentMessage, Channel, Msat, type NostrEvent } from "@farthing/protocol"
import { Relay, Signer } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import {
  Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  Layer,
  PubSub,
  Schedule,
  Schema,
  Stream
} from "effect"
import { randomUUID } from "node:crypto"
import * as Allowance from "./Allowance.ts"
import * as Answers from "./Answers.ts"
import { InferenceBackend } from "./InferenceBackend.ts"
import { isModern, type Job, type Request } from "./Job.ts"
import { judge, type Refusal } from "./Judgement.ts"
import * as Presence from "./Presence.ts"
import { ProviderBook } from "./ProviderBook.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"
import { type Options, resolve } from "./ProviderOptions.ts"
import * as Till from "./Till.ts"
import { unixTime } from "./UnixTime.ts"
import * as Workshop from "./Workshop.ts"

export type { BookUnavailable } from "./ProviderBook.ts"
export type { ProviderEvent } from "./ProviderEvent.ts"
export type { Options } from "./ProviderOptions.ts"

export interface Status {
  readonly online: boolean
  readonly channel: NostrEvent.EventId
  readonly models: ReadonlyArray<string>
  /** Quotes that can still be paid. */
  readonly unpaid: number
  readonly waiting: number
  readonly running: number
  /** Ever. */
  readonly delivered: number
  /** Ever paid and not delivered: owed to customers. */
  readonly failed: number
  readonly earned: Msat.Msat
}

export interface Shape {
  readonly publicKey: NostrEvent.NostrEvent["pubkey"]
  readonly channel: NostrEvent.EventId
  /** Waits until it is announced and takes requests. */
  readonly online: Effect.Effect<void>
  readonly status: Effect.Effect<Status, ProviderError>
  /** What happens from now on; the last few events before are told first. */
  readonly events: Stream.Stream<ProviderEvent>
}

export class ComputeProvider extends Context.Service<ComputeProvider, Shape>()(
  "@farthing/provider/ComputeProvider"
) {}

/** Sells until the scope closes; then it finishes what is paid and says that it is gone. */
export const make = Effect.fnUntraced(function* (given: Options) {
  const options = resolve(given)
  const relay = yield* Relay.Relay
  const signer = yield* Signer.Signer
  const wallet = yield* Wallet.Wallet
  const backend = yield* InferenceBackend
  const book = yield* ProviderBook
  const provider = signer.publicKey
  yield* requireNetwork(wallet, options.network)

  const hub = yield* PubSub.sliding<ProviderEvent>({ capacity: 1_024, replay: 16 })
  const isOnline = yield* Deferred.make<void>()
  let online = false
  const tell = Effect.fnUntraced(function* (event: ProviderEvent) {
    if (event._tag === "Online" || event._tag === "Offline") online = event._tag === "Online"
    if (online) yield* Deferred.succeed(isOnline, undefined)
    yield* PubSub.publish(hub, event)
  })

  const report = ({ message }: { readonly message: string }) => tell({ _tag: "Trouble", message })

  const presence = yield* Presence.make({ relay, signer, backend, book, options, tell })
  const answers = Answers.make({ relay, signer, channel: presence.channel })
  const workshop = yield* Workshop.make({
    owner: randomUUID(),
    provider,
    backend,
    book,
    relay,
    answers,
    options,
    tell
  })
  const till = Till.make({ wallet, onSettled: workshop.take, tell })
  const allowance = Allowance.make(options.requestsPerMinute)

  const expectOpenQuotes = Effect.gen(function* () {
    const quoted = yield* book.unpaid(provider, (yield* unixTime) - rememberQuotes)
    yield* Effect.forEach(quoted, till.expect, { discard: true })
  })

  const requests = unixTime.pipe(
    Effect.map((now) =>
      relay.subscribe([
        Channel.providerFilter(presence.channel, { since: now - seconds(options.requestAge) })
      ])
    ),
    Stream.unwrap
  )

  const receive = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent) {
    const judgement = judge(event, {
      provider,
      channel: presence.channel,
      price: options.price,
      models: yield* presence.models,
      maxPromptBytes: options.maxPromptBytes,
      now: yield* unixTime,
      requestAge: seconds(options.requestAge)
    })
    switch (judgement._tag) {
      case "Ignore":
        return
      case "Hint":
        return yield* till.hint(event, judgement.message)
      case "Refuse":
        if (yield* isNew(judgement.request)) yield* refuse(judgement.request, judgement.refusal)
        return
      case "Request":
        if (yield* isNew(judgement.request)) yield* accept(judgement.request)
    }
  })

  /** Strangers who ask too often get no answer at all: answering is what they would cost us. */
  const isNew = Effect.fnUntraced(function* (request: Pick<Request, "id" | "customer">) {
    return (
      allowance.take(request.customer, yield* Clock.currentTimeMillis) &&
      !(yield* book.knows(request.id))
    )
  })

  const accept = Effect.fnUntraced(function* (request: Request) {
    const { customer, id, model } = request
    yield* tell({ _tag: "Requested", request: id, customer, model })
    const refusal = overload(request)
    yield* refusal === undefined ? quote(request) : refuse(request, refusal)
  })

  const overload = ({ customer }: Request): Refusal | undefined => {
    const { running, waiting } = workshop.load()
    if (running + waiting >= options.capacity + options.queue)
      return { code: "over_capacity", message: "too many jobs are waiting; try again later" }
    return till.unpaid(customer) >= options.unpaidPerCustomer ||
      till.unpaid() >= options.unpaidInAll
      ? { code: "over_capacity", message: "too many quotes are unpaid; pay one or wait" }
      : undefined
  }

  const refuse = Effect.fnUntraced(function* (
    request: Pick<Request, "id" | "customer" | "receivedAt">,
    { code, message }: Refusal
  ) {
    if (!(yield* book.refused(provider, request, code))) return
    const event = yield* answers.sign(request, {
      type: "JobError",
      request_id: request.id,
      job_id: AgentMessage.jobIdOf(request.id),
      code,
      message
    })
    yield* tell({
      _tag: "Refused",
      request: request.id,
      customer: request.customer,
      code,
      message
    })
    yield* answers.offer(event)
  })

  const quote = Effect.fnUntraced(function* (request: Request) {
    const invoice = yield* wallet.makeInvoice({
      amount: options.price,
      description: `Inference, ${AgentMessage.jobIdOf(request.id)}`,
      expiry: options.invoiceExpiry
    })
    const job: Job = {
      ...request,
      amount: invoice.amount,
      bolt11: invoice.bolt11,
      paymentHash: invoice.paymentHash,
      invoiceExpiresAt: invoice.createdAt + seconds(options.invoiceExpiry)
    }
    if (!(yield* book.quoted(provider, job))) return
    yield* till.expect(job)
    yield* tell({
      _tag: "Quoted",
      request: job.id,
      customer: job.customer,
      amount: job.amount,
      paymentHash: job.paymentHash
    })
    yield* answers.offer(yield* answers.sign(job, toInvoice(job)))
  })

  const takeRequests = requests.pipe(
    Stream.mapEffect((event) => receive(event).pipe(Effect.catch(report)), {
      concurrency: atOnce,
      unordered: true
    }),
    Stream.runDrain,
    Effect.tapError(report),
    Effect.retry(Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")])),
    Effect.ignore,
    Effect.forever
  )

  const serve = Effect.all([takeRequests, till.watch, presence.keepUp], {
    concurrency: "unbounded"
  })

  const stop = Effect.gen(function* () {
    yield* Effect.timeoutOption(workshop.idle, options.stopWithin)
    yield* workshop.close
    yield* presence.leave
  })

  // Undone from the last to the first: no new jobs, the paid ones finished, their leases let go.
  yield* expectOpenQuotes
  yield* Effect.forkScoped(workshop.tend)
  yield* Effect.addFinalizer(() => stop.pipe(Effect.catch(report)))
  yield* Effect.forkScoped(serve)

  return ComputeProvider.of({
    publicKey: provider,
    channel: presence.channel,
    online: Deferred.await(isOnline),
    status: Effect.gen(function* () {
      const counts = yield* book.counts(provider)
      const count = (state: string) => counts.find((count) => count.state === state)
      return {
        online,
        channel: presence.channel,
        models: yield* presence.models,
        unpaid: till.unpaid(),
        ...workshop.load(),
        delivered: count("delivered")?.jobs ?? 0,
        failed: count("failed")?.jobs ?? 0,
        earned: Msat.sum(
          counts
            .filter(({ state }) => state !== "refused" && state !== "quoted")
            .map(({ amount }) => amount)
        )
      }
    }).pipe(Effect.mapError(({ message }) => new ProviderError({ message }))),
    events: Stream.fromPubSub(hub)
  })
})

export const layer = (options: Options) => Layer.effect(ComputeProvider, make(options))

/** Requests that are looked at at once; the rest waits in the relay's buffer. */
const atOnce = 64

/** Quotes of the last week may still have been paid while we were away; in seconds. */
const rememberQuotes = 7 * 24 * 60 * 60

const seconds = (duration: Duration.Duration): number => Math.ceil(Duration.toSeconds(duration))

const requireNetwork = Effect.fnUntraced(function* (
  wallet: Wallet.Shape,
  network: Options["network"]
) {
  const info = yield* wallet.info.pipe(
    Effect.mapError(({ message }) => new ProviderError({ message }))
  )
  if (info.network === network) return
  return yield* new ProviderError({
    message: `the wallet lives on ${info.network}, the provider is to sell on ${network}`
  })
})

const toInvoice = (job: Job): AgentMessage.Invoice => ({
  type: "Invoice",
  job_id: AgentMessage.jobIdOf(job.id),
  bolt11: job.bolt11,
  amount_msats: job.amount,
  payment_hash: job.paymentHash,
  ...(isModern(job.message)
    ? { request_id: job.id, settlement: "upfront", expires_at: job.invoiceExpiresAt }
    : {})
})

/** The provider cannot begin to sell, or cannot read its book. */
export class ProviderError extends Schema.TaggedError<ProviderError>()("ProviderError", {
  message: Schema.String
}) {}
