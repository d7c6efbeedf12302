/**
 * A customer that does what a trial tells it to: a real key, an account of the bank, the wire
 * format and nothing else. It pays whom it likes, or nobody.
 */
import { AgentMessage, Bolt11, Channel, Key, Msat, NostrEvent } from "@farthing/protocol"
import { Signer, UnixTime } from "@farthing/relay"
import type { Wallet } from "@farthing/wallet"
import { Effect, Latch, Option, Queue, Schedule, Stream } from "effect"
import { randomBytes } from "node:crypto"
import * as Stage from "./Stage.ts"

/** Where a provider takes jobs. */
export interface Counter {
  readonly publicKey: Key.PublicKey
  readonly channel: NostrEvent.EventId
}

export interface Heard<M extends AgentMessage.AgentMessage = AgentMessage.AgentMessage> {
  readonly event: NostrEvent.NostrEvent
  readonly message: M
}

export type Wish = Partial<Omit<AgentMessage.JobRequest, "type">>

export interface How {
  /** The request that is followed up on. */
  readonly reply?: NostrEvent.EventId
  /** Unix seconds; default: now. */
  readonly createdAt?: number
  /** Another channel than the provider's. */
  readonly channel?: NostrEvent.EventId
}

export interface Shopper {
  readonly pubkey: Key.PublicKey
  readonly signer: Signer.Shape
  readonly account: Stage.Account
  /** A message, or any text, signed and not said yet. */
  readonly draft: (
    content: AgentMessage.AgentMessage | string,
    how?: How
  ) => Effect.Effect<NostrEvent.NostrEvent>
  /** Says it in the provider's channel. */
  readonly say: (
    content: AgentMessage.AgentMessage | string,
    how?: How
  ) => Effect.Effect<NostrEvent.NostrEvent>
  /** Publishes an event again, or one that somebody else has signed. */
  readonly publish: (event: NostrEvent.NostrEvent) => Effect.Effect<void>
  readonly ask: (wish?: Wish) => Effect.Effect<NostrEvent.NostrEvent>
  /** The next message of this type that the provider says to us; those before it are passed over. */
  readonly hear: <Type extends AgentMessage.AgentMessage["type"]>(
    type: Type
  ) => Effect.Effect<Heard<Extract<AgentMessage.AgentMessage, { readonly type: Type }>>>
  /** Everything that the provider said to us and nobody has taken yet. */
  readonly heard: Effect.Effect<ReadonlyArray<Heard>>
  /** Pays at the bank; tells nobody. */
  readonly pay: (bolt11: string) => Effect.Effect<void>
  /** Has the bank lock the money of an invoice; what becomes of it is not waited for. */
  readonly lock: (bolt11: string) => Effect.Effect<void>
  /** Waits until money that was locked is taken, or back. */
  readonly endOf: (paymentHash: Bolt11.PaymentHash) => Effect.Effect<Wallet.Outgoing["state"]>
  /** Shows a preimage to the provider alone, for a request. */
  readonly release: (
    request: NostrEvent.EventId,
    preimage: Bolt11.Preimage
  ) => Effect.Effect<NostrEvent.NostrEvent>
  readonly makeInvoice: (amount: Msat.Msat) => Effect.Effect<Bolt11.Invoice>
  readonly balance: Effect.Effect<Msat.Msat>
}

/** Listens in a provider's channel for what is said to it. */
export const make = Effect.fnUntraced(function* (
  { relay }: Stage.Place,
  counter: Counter,
  who: { readonly name?: string; readonly balance?: Msat.Msat } = {}
) {
  const stage = yield* Stage.Stage
  const account = yield* stage.account(who.name ?? "shopper", who.balance)
  const signer = Signer.make(Key.generate())
  const heard = yield* Queue.unbounded<Heard>()
  const listening = yield* Latch.make()
  const scope = yield* Effect.scope
  const { bank } = stage

  yield* relay
    .subscribe(
      [
        Channel.customerFilter({
          channel: counter.channel,
          provider: counter.publicKey,
          customer: signer.publicKey
        })
      ],
      { onStored: Effect.asVoid(listening.open) }
    )
    .pipe(
      Stream.runForEach((event) =>
        Option.match(AgentMessage.parse(event.content), {
          onNone: () => Effect.void,
          onSome: (message) => Queue.offer(heard, { event, message })
        })
      ),
      Effect.orDie,
      Effect.forkScoped({ startImmediately: true })
    )
  yield* listening.await

  const publish: Shopper["publish"] = (event) =>
    relay.publish(event).pipe(Effect.orDie, Effect.asVoid)

  const draft: Shopper["draft"] = Effect.fnUntraced(function* (content, how = {}) {
    return yield* signer.sign({
      kind: Channel.messageKind,
      tags: [
        ["e", how.channel ?? counter.channel, "", "root"],
        ...(how.reply === undefined
          ? []
          : [
              ["e", how.reply, "", "reply"],
              ["p", counter.publicKey]
            ]),
        ["salt", randomBytes(8).toString("hex")]
      ],
      content: typeof content === "string" ? content : AgentMessage.stringify(content),
      created_at: how.createdAt ?? (yield* UnixTime.now)
    })
  })

  const say: Shopper["say"] = (content, how) => Effect.tap(draft(content, how), publish)

  const hear = <Type extends AgentMessage.AgentMessage["type"]>(type: Type) => {
    const isWanted = (
      one: Heard
    ): one is Heard<Extract<AgentMessage.AgentMessage, { readonly type: Type }>> =>
      one.message.type === type
    return Effect.repeat(Queue.take(heard), { until: isWanted })
  }

  const order = Effect.fnUntraced(function* (bolt11: string) {
    const invoice = yield* Effect.fromResult(Bolt11.decode(bolt11))
    return yield* bank.pay(account.account, {
      invoice,
      maxFee: Stage.fee,
      expiresAt: invoice.expiresAt
    })
  })

  /** Our payment, once it is as it should be. */
  const payment = (
    paymentHash: Bolt11.PaymentHash,
    isReached: (payment: Wallet.Outgoing) => boolean
  ) =>
    bank.findPayment(account.account, paymentHash).pipe(
      Effect.orDie,
      Effect.map(Option.filter(isReached)),
      Effect.repeat({ until: Option.isSome, schedule: Schedule.spaced("20 millis") }),
      Effect.flatMap(Effect.fromOption),
      Effect.orDie,
      Effect.map(({ state }) => state)
    )

  const lock: Shopper["lock"] = Effect.fnUntraced(function* (bolt11) {
    const { paymentHash } = yield* Effect.orDie(Effect.fromResult(Bolt11.decode(bolt11)))
    yield* Effect.forkIn(Effect.ignore(order(bolt11)), scope, { startImmediately: true })
    yield* payment(paymentHash, () => true)
  })

  const release: Shopper["release"] = Effect.fnUntraced(function* (request, preimage) {
    const job_id = AgentMessage.jobIdOf(request)
    const payload = yield* signer
      .encrypt(
        counter.publicKey,
        AgentMessage.stringify({ type: "PreimageRelease", job_id, preimage })
      )
      .pipe(Effect.orDie)
    return yield* say({ type: "Private", request_id: request, payload }, { reply: request })
  })

  const shopper: Shopper = {
    pubkey: signer.publicKey,
    signer,
    account,
    draft,
    say,
    publish,
    ask: (wish) =>
      say({
        type: "JobRequest",
        kind: AgentMessage.textGeneration,
        prompt: "hello",
        max_tokens: 50,
        ...wish
      }),
    hear,
    heard: Queue.clear(heard),
    pay: (bolt11) => Effect.asVoid(Effect.orDie(order(bolt11))),
    lock,
    endOf: (paymentHash) => payment(paymentHash, ({ state }) => state !== "pending"),
    release,
    makeInvoice: (amount) =>
      bank
        .makeInvoice(account.account, { amount, description: "a refund", expiry: "10 minutes" })
        .pipe(
          Effect.flatMap(({ bolt11 }) => Effect.fromResult(Bolt11.decode(bolt11))),
          Effect.orDie
        ),
    balance: Effect.orDie(bank.balance(account.account))
  }
  return shopper
})
