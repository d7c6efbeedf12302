/** A market in this process: a relay, a bank, a scripted backend, and customers. */
import {
  AgentMessage,
  Announcement,
  Channel,
  type Key,
  Msat,
  NostrEvent,
  Bolt11
} from "@farthing/protocol"
import {
  Backends,
  ComputeProvider,
  InferenceBackend,
  ProviderBook,
  RefundTreasury,
  SqlProviderBook
} from "@farthing/provider"
import { Relay, Signer } from "@farthing/relay"
import { Sqlite } from "@farthing/sqlite"
import { Bank, BankBook, LedgerWallet, Payer, Wallet } from "@farthing/wallet"
import {
  Context,
  Deferred,
  type Duration,
  Effect,
  Layer,
  Queue,
  Redacted,
  Result,
  type Scope,
  Stream
} from "effect"
import type { SqlClient } from "effect/sql"
import { randomBytes } from "node:crypto"

export const price = Msat.make(10_000)

const options: ComputeProvider.Options = { name: "tern", network: "regtest", priceMsats: price }

/** Everything that can be offered. */
export const settlement = ["upfront", "escrow", "sealed"] as const

/** Plays one inference after the other; the last one again and again. */
export interface Play {
  (
    request: InferenceBackend.InferenceRequest
  ): Stream.Stream<InferenceBackend.Part, InferenceBackend.InferenceError>
}

export const text = (...texts: ReadonlyArray<string>): ReadonlyArray<InferenceBackend.Part> =>
  texts.map((text) => ({ _tag: "Text", text }))

export const finish: InferenceBackend.Part = {
  _tag: "Finish",
  reason: "stop",
  tokensIn: 3,
  tokensOut: 5
}

export const echo: Play = ({ prompt }) => Stream.fromIterable([...text(prompt, "!"), finish])

/** Says a first text, and the rest when the test wants it. */
export const inTwo =
  (first: string, then: Effect.Effect<void>, second: string): Play =>
  () =>
    Stream.fromIterable(text(first)).pipe(
      Stream.concat(Stream.drain(Stream.fromEffect(then))),
      Stream.concat(Stream.fromIterable([...text(second), finish]))
    )

/** Echoes when the test wants it. */
export const after =
  (gate: Deferred.Deferred<void>): Play =>
  (request) =>
    Stream.unwrap(Effect.as(Deferred.await(gate), echo(request)))

export const fault = (reason: InferenceBackend.InferenceFault) =>
  new InferenceBackend.InferenceError({ reason, message: `http://10.0.0.7 ${reason}` })

export const fails =
  (reason: InferenceBackend.InferenceFault): Play =>
  () =>
    Stream.fail(fault(reason))

/** Everything that outlives a provider's process. */
const world = Layer.mergeAll(
  Relay.layerMemory,
  BankBook.layer({ network: "regtest" }).pipe(Layer.provide(Sqlite.layer({ filename: ":memory:" })))
)

/** Runs a test in a world of its own, which ends after all that lives in it. */
export const inMarket = <A, E>(
  test: Effect.Effect<
    A,
    E,
    Relay.Relay | Bank.Bank | ProviderBook.ProviderBook | SqlClient.SqlClient | Scope.Scope
  >
) => test.pipe(Effect.scoped, Effect.provide(Layer.merge(world, book)))

/** A book that several providers of a test share, and the database that it stands in. */
export const book = SqlProviderBook.layer.pipe(
  Layer.provideMerge(Sqlite.layer({ filename: ":memory:" }))
)

interface Changes {
  readonly wallet: (wallet: Wallet.Shape) => Wallet.Shape
  readonly payer: (payer: Payer.Shape) => Payer.Shape
  readonly book: (book: ProviderBook.Shape) => ProviderBook.Shape
  readonly relay: (relay: Relay.Shape) => Relay.Shape
}

const unchanged: Changes = { wallet: (a) => a, payer: (a) => a, book: (a) => a, relay: (a) => a }

/** How a test changes the provider's wallet, book or relay. */
const Changed = Context.Reference<Changes>("test/Changed", { defaultValue: () => unchanged })

const changing =
  <K extends keyof Changes>(what: K) =>
  (change: Changes[K]) =>
    Effect.updateService(Changed, (changed) => ({ ...changed, [what]: change }))

/** On top of what was changed before. */
export const withWallet = (change: Changes["wallet"]) =>
  Effect.updateService(Changed, (changed) => ({
    ...changed,
    wallet: (wallet: Wallet.Shape) => change(changed.wallet(wallet))
  }))
export const withPayer = changing("payer")
export const withBook = changing("book")
export const withRelay = changing("relay")

const theWallet = Effect.gen(function* () {
  const context = yield* LedgerWallet.make({ account: "provider" })
  const { payer, wallet } = yield* Changed
  return Context.make(Wallet.Wallet, wallet(Context.get(context, Wallet.Wallet))).pipe(
    Context.add(Payer.Payer, payer(Context.get(context, Payer.Payer)))
  )
})

const theBook = Effect.gen(function* () {
  return (yield* Changed).book(yield* ProviderBook.ProviderBook)
})

const theRelay = Effect.gen(function* () {
  return (yield* Changed).relay(yield* Relay.Relay)
})

/** A backend that plays what it is told, and how often it was asked. */
export const scripted = (
  plays: ReadonlyArray<Play>,
  models: ReadonlyArray<string> = ["small", "large"]
) => {
  let turn = 0
  const backend = InferenceBackend.InferenceBackend.of({
    name: "scripted",
    models: Effect.succeed(models),
    infer: (request) =>
      Stream.suspend(() => (plays[Math.min(turn++, plays.length - 1)] ?? echo)(request))
  })
  return { ...backend, inferred: () => turn }
}

/** Starts a provider; it stops with the scope. */
export const start = Effect.fnUntraced(function* (
  secret: Key.SecretKey,
  plays: ReadonlyArray<Play> = [echo],
  { check, fallbacks = [], ...given }: Given = {}
) {
  const first = scripted(plays)
  const checked = check === undefined ? first : { ...first, models: check }
  const backend = fallbacks.length === 0 ? checked : Backends.inOrder([checked, ...fallbacks])
  const context = yield* Layer.build(
    ComputeProvider.layer({ ...options, ...given }).pipe(
      Layer.provide(Layer.succeed(InferenceBackend.InferenceBackend, backend)),
      Layer.provide(Signer.layer(secret)),
      Layer.provide(
        RefundTreasury.layer({ network: "regtest", lease: "1 second", payTimeout: "1 second" })
      ),
      Layer.provide(Layer.effectContext(theWallet)),
      Layer.provide(Layer.effect(ProviderBook.ProviderBook, theBook)),
      Layer.provide(Layer.effect(Relay.Relay, theRelay))
    )
  )
  const provider = Context.get(context, ComputeProvider.ComputeProvider)
  const events = yield* Queue.unbounded<ComputeProvider.ProviderEvent>()
  yield* provider.events.pipe(
    Stream.runForEach((event) => Queue.offer(events, event)),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* provider.online
  return {
    ...provider,
    inferred: first.inferred,
    next: <Tag extends ComputeProvider.ProviderEvent["_tag"]>(tag: Tag) =>
      takeUntil(events, (event) => event._tag === tag) as Effect.Effect<
        Extract<ComputeProvider.ProviderEvent, { readonly _tag: Tag }>
      >
  }
})

interface Given extends Partial<ComputeProvider.Options> {
  /** Asked after the plays. */
  readonly fallbacks?: ReadonlyArray<InferenceBackend.Shape>
  /** What the first backend says to a check of its health. */
  readonly check?: InferenceBackend.Shape["models"]
}

/** A provider that nobody has seen before. */
export const provider = (plays?: ReadonlyArray<Play>, options?: Parameters<typeof start>[2]) =>
  start(newSecret(), plays, options)

export const request = (wish?: Wish): AgentMessage.JobRequest => ({
  type: "JobRequest",
  kind: AgentMessage.textGeneration,
  prompt: "hello",
  max_tokens: 50,
  ...wish
})

export const newSecret = (): Key.SecretKey => Redacted.make(randomBytes(32).toString("hex"))

export interface Heard {
  readonly event: NostrEvent.NostrEvent
  readonly message: AgentMessage.AgentMessage
}

export type Wish = Partial<Omit<AgentMessage.JobRequest, "type">>

export type Customer = Effect.Success<ReturnType<typeof customer>>

/** A customer in a provider's channel, who hears all that the provider says there. */
export const customer = Effect.fnUntraced(function* (provider: {
  readonly publicKey: Key.PublicKey
  readonly channel: NostrEvent.EventId
}) {
  const relay = yield* Relay.Relay
  const bank = yield* Bank.Bank
  const signer = Signer.make(newSecret())
  const account = `customer ${signer.publicKey.slice(0, 8)}`
  yield* bank.open(account)
  yield* bank.deposit(account, Msat.make(1_000_000_000))
  const heard = yield* Queue.unbounded<Heard>()
  yield* relay
    .subscribe([
      Channel.customerFilter({
        channel: provider.channel,
        provider: provider.publicKey,
        customer: signer.publicKey
      })
    ])
    .pipe(
      Stream.runForEach((event) => {
        const parsed = AgentMessage.parse(event.content)
        return parsed._tag === "Some"
          ? Queue.offer(heard, { event, message: parsed.value })
          : Effect.void
      }),
      Effect.forkScoped({ startImmediately: true })
    )

  const say = Effect.fnUntraced(function* (
    message: AgentMessage.AgentMessage | string,
    createdAt?: number
  ) {
    const event = yield* signer.sign({
      kind: Channel.messageKind,
      tags: [
        ["e", provider.channel, "", "root"],
        ["salt", randomBytes(8).toString("hex")]
      ],
      content: typeof message === "string" ? message : AgentMessage.stringify(message),
      ...(createdAt === undefined ? {} : { created_at: createdAt })
    })
    yield* relay.publish(event)
    return event
  })

  const hear = <Type extends AgentMessage.AgentMessage["type"]>(type: Type) =>
    takeUntil(heard, ({ message }) => message.type === type) as Effect.Effect<{
      readonly event: NostrEvent.NostrEvent
      readonly message: Extract<AgentMessage.AgentMessage, { readonly type: Type }>
    }>

  const pay = (bolt11: string) =>
    Effect.gen(function* () {
      const invoice = yield* Effect.fromResult(Bolt11.decode(bolt11))
      return yield* bank.pay(account, {
        invoice,
        maxFee: Msat.zero,
        expiresAt: invoice.expiresAt
      })
    })

  /** Locks the money of a hold invoice; what becomes of it is its end. */
  const lock = (bolt11: string) =>
    Effect.gen(function* () {
      const invoice = yield* Effect.fromResult(Bolt11.decode(bolt11))
      return yield* bank.lock(account, { invoice, maxFee: Msat.zero, expiresAt: invoice.expiresAt })
    })

  /** What the provider's account at the bank waits for under a hash, whether or not it has a text. */
  const awaitedFor = (paymentHash: Bolt11.PaymentHash) =>
    Effect.map(
      Effect.flatMap(bank.findInvoice("provider", paymentHash), Effect.fromOption),
      ({ bolt11 }) => bolt11
    )

  /** Something for the provider's eyes only. */
  const whisper = (request: NostrEvent.EventId, message: AgentMessage.AgentMessage) =>
    Effect.flatMap(signer.encrypt(provider.publicKey, AgentMessage.stringify(message)), (payload) =>
      say({ type: "Private", request_id: request, payload })
    )

  /** An invoice of the customer's own. */
  const makeInvoice = (amount: Msat.Msat, expiry: Duration.Input = "1 day") =>
    Effect.map(
      bank.makeInvoice(account, { amount, expiry, description: "refund" }),
      ({ bolt11 }) => bolt11
    )

  return {
    publicKey: signer.publicKey,
    balance: bank.balance(account),
    makeInvoice,
    /** Asks for what was paid for a request. */
    claim: (request: NostrEvent.NostrEvent, bolt11: string, createdAt?: number) =>
      say({ type: "RefundInvoice", request_id: request.id, bolt11 }, createdAt),
    say,
    ask: (wish?: Wish) => say(request(wish)),
    hear,
    pay,
    lock,
    awaitedFor,
    whisper,
    conversationKey: signer.conversationKey(provider.publicKey),
    heard,
    /** Whatever is said next. */
    next: Queue.take(heard),
    /** Hears something once more. */
    again: (one: Heard) => Queue.offerUnsafe(heard, one),
    /** Asks, takes the quote and pays it, as a modern customer does. */
    buy: (wish?: Wish) =>
      Effect.gen(function* () {
        const event = yield* say(request({ model: "small", ...wish }))
        const { message } = yield* hear("Invoice")
        yield* pay(message.bolt11)
        return event
      })
  }
})

const takeUntil = <A>(queue: Queue.Queue<A>, wanted: (a: A) => boolean): Effect.Effect<A> =>
  Effect.repeat(Queue.take(queue), { until: wanted })

/** The newest announcement of a provider, as customers read it. */
export const announcementOf = Effect.fnUntraced(function* (provider: Key.PublicKey, now: number) {
  const relay = yield* Relay.Relay
  const [event] = yield* relay.query([{ kinds: [Announcement.kind], authors: [provider] }])
  return event === undefined ? undefined : Result.getOrUndefined(Announcement.fromEvent(event, now))
})

/** The world goes on until what was said before has been read: it answers in order. */
export const answered = (buyer: Customer) =>
  buyer.ask({ model: "none" }).pipe(Effect.andThen(buyer.hear("JobError")))
