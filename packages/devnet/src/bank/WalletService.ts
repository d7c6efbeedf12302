/**
 * A wallet service (NIP-47) for one account of a bank: takes requests of the one client that
 * holds the account's connection, answers them, and tells it what happens to its money.
 */
import { Key, Nip47, Nip47Event, NostrEvent } from "@farthing/protocol"
import { Relay, Signer, UnixTime } from "@farthing/relay"
import { Bank } from "@farthing/wallet"
import { Effect, FiberSet, Latch, Result, Schedule, Stream } from "effect"
import * as AccountMethods from "./AccountMethods.ts"
import * as AccountTransaction from "./AccountTransaction.ts"
import type { RequestBook } from "./RequestBook.ts"

export interface Options {
  readonly account: string
  readonly service: Key.SecretKey
  readonly client: Key.PublicKey
  readonly book: RequestBook
}

/**
 * Requests from further than this many seconds away, in the past or the future, are not taken:
 * the book remembers for longer.
 */
const requestLife = 600

/** Serves until the scope closes; returns once requests are heard. */
export const serve = Effect.fnUntraced(function* (options: Options) {
  const { account, book, client } = options
  const bank = yield* Bank.Bank
  const relay = yield* Relay.Relay
  const signer = Signer.make(options.service)
  const wallet = signer.publicKey
  const listening = yield* Latch.make()
  const run = yield* FiberSet.makeRuntime<never>()

  const publish = (event: NostrEvent.NostrEvent) =>
    relay.publish(event).pipe(
      Effect.asVoid,
      Effect.catch((error) => Effect.logWarning("An event was not delivered", error.message))
    )

  const reply = Effect.fnUntraced(function* (request: NostrEvent.NostrEvent, text: string) {
    const content = yield* signer.encrypt(client, text)
    const createdAt = yield* UnixTime.now
    return yield* signer.sign(
      Nip47Event.response({ client, request: request.id, content, createdAt })
    )
  })

  const execute = (request: Nip47.Request, event: NostrEvent.NostrEvent) =>
    AccountMethods.execute({ bank, account }, request, expiryOf(event)).pipe(
      Effect.flatMap((text) => reply(event, text))
    )

  const carryOut = Effect.fnUntraced(function* (
    request: Nip47.Request,
    event: NostrEvent.NostrEvent
  ) {
    const response = yield* execute(request, event)
    yield* book.answer(event, response)
    yield* publish(response)
  })

  const order = Effect.fnUntraced(function* (request: Nip47.Request, event: NostrEvent.NostrEvent) {
    if (yield* book.take(account, event, yield* UnixTime.now))
      return yield* carryOut(request, event)
    const earlier = yield* book.answerTo(event)
    if (earlier !== undefined) yield* publish(earlier)
  })

  const handle = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent) {
    const now = yield* UnixTime.now
    if (now > expiryOf(event) || event.created_at > now + requestLife) return
    const request = yield* requestIn(signer, event)
    if (Result.isFailure(request)) {
      yield* publish(yield* reply(event, refusal(request.failure)))
    } else if (AccountMethods.isOrder(request.success)) {
      yield* order(request.success, event)
    } else {
      yield* publish(yield* execute(request.success, event))
    }
  })

  /** Payments that were under way when the service stopped still deserve their answers. */
  const resume = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent) {
    const request = yield* requestIn(signer, event)
    if (Result.isFailure(request) || request.success.method !== "pay_invoice") return
    if (yield* AccountMethods.hasPaid({ bank, account }, request.success.params.invoice)) {
      yield* carryOut(request.success, event)
    }
  })

  const tell = Effect.fnUntraced(function* (change: Bank.Change) {
    const notification = notificationOf(change)
    if (notification === undefined) return
    const content = yield* signer.encrypt(client, Nip47.stringifyNotification(notification))
    const createdAt = yield* UnixTime.now
    yield* publish(yield* signer.sign(Nip47Event.notification({ client, content, createdAt })))
  })

  for (const event of yield* book.unanswered(account)) run(guarded(resume(event)))

  const since = (yield* UnixTime.now) - requestLife
  yield* relay
    .subscribe([Nip47Event.walletFilter({ wallet, clients: [client], since })], {
      onStored: listening.open
    })
    .pipe(
      Stream.runForEach((event) => Effect.sync(() => run(guarded(handle(event))))),
      persistently
    )
  yield* bank.changes(account).pipe(
    Stream.runForEach((change) => guarded(tell(change))),
    persistently
  )
  yield* publish(yield* signer.sign(Nip47Event.info(capabilities, yield* UnixTime.now)))
  yield* listening.await
})

const guarded = (effect: Effect.Effect<void, { readonly message: string }>) =>
  Effect.catch(effect, (error) => Effect.logWarning("A client was not told", error.message))

/** In the background, and again whenever it fails. */
const persistently = <A, R>(effect: Effect.Effect<A, { readonly message: string }, R>) =>
  effect.pipe(
    Effect.tapError((error) => Effect.logWarning("A wallet service was cut off", error.message)),
    Effect.retry(Schedule.spaced("1 second")),
    Effect.forkScoped({ startImmediately: true })
  )

const capabilities: Nip47Event.Capabilities = {
  methods: AccountMethods.methods,
  notifications: AccountMethods.notifications,
  encryptions: [Nip47Event.encryption]
}

/** The unix second after which the request is void. */
const expiryOf = (event: NostrEvent.NostrEvent): number =>
  Math.min(
    NostrEvent.expirationOf(event) ?? Number.POSITIVE_INFINITY,
    event.created_at + requestLife
  )

/** A client that knows only NIP-04 sends no `encryption` tag, and nothing that decrypts. */
const requestIn = (signer: Signer.Shape, event: NostrEvent.NostrEvent) =>
  Effect.match(signer.decrypt(event.pubkey, event.content), {
    onFailure: () =>
      Result.fail<Nip47.Refusal>({
        code: "UNSUPPORTED_ENCRYPTION",
        message: "Only NIP-44 is understood here"
      }),
    onSuccess: Nip47.parseRequest
  })

const refusal = ({ code, message }: Nip47.Refusal): string =>
  JSON.stringify({ result_type: "error", error: { code, message }, result: null })

const notificationOf = (change: Bank.Change): Nip47.Notification | undefined => {
  if (change._tag === "Outgoing") {
    return change.outgoing.state === "settled"
      ? {
          notification_type: "payment_sent",
          notification: AccountTransaction.ofPayment(change.outgoing)
        }
      : undefined
  }
  const notification = AccountTransaction.ofInvoice(change.incoming)
  switch (change.incoming.state) {
    case "held":
      return { notification_type: "hold_invoice_accepted", notification }
    case "settled":
      return { notification_type: "payment_received", notification }
    default:
      return undefined
  }
}
