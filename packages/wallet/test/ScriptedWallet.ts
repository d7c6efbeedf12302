/** A wallet service that answers what a test tells it to, true or not, over a relay in memory. */
import { Key, Nip47, Nip47Event, NostrEvent } from "@farthing/protocol"
import { Relay, Signer } from "@farthing/relay"
import { NwcWallet, Payer, Wallet } from "@farthing/wallet"
import { TestClock } from "effect/testing"
import { Context, Effect, Latch, Option, Queue, Result, Stream } from "effect"

/**
 * The content of the answer to a request; without one a minute passes in silence, and where it is
 * null the test itself lets time pass.
 */
export type Script = (request: Nip47.Request) => string | undefined | null

export const refusal = (code: string) => (): string =>
  JSON.stringify({ result_type: "x", error: { code, message: "no" }, result: null })

export const result = (method: Nip47.Method, value: object): string =>
  JSON.stringify({ result_type: method, error: null, result: value })

/** The wallet at the end of a line to a service that plays the script. */
export const start = Effect.fnUntraced(function* (
  script: Script,
  options: {
    readonly info?: Partial<Nip47Event.Capabilities>
    readonly relay?: (relay: Relay.Shape) => Partial<Relay.Shape>
    readonly wallet?: NwcWallet.Options
  } = {}
) {
  const relay = yield* Relay.Relay
  const service = Signer.make(Key.generate())
  const secret = Key.generate()
  const client = Key.publicKeyOf(secret)
  const requests = yield* Queue.unbounded<NostrEvent.NostrEvent>()
  const listening = yield* Latch.make()

  const send = (template: NostrEvent.Template) =>
    Effect.flatMap(service.sign(template), (event) => relay.publish(event))

  /** Answers a request, however long it has waited. */
  const reply = Effect.fnUntraced(function* (
    { created_at, id }: NostrEvent.NostrEvent,
    text: string
  ) {
    const content = yield* service.encrypt(client, text)
    yield* send(Nip47Event.response({ client, request: id, content, createdAt: created_at }))
  })

  const answer = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent) {
    yield* Queue.offer(requests, event)
    const request = Nip47.parseRequest(yield* service.decrypt(client, event.content))
    const text = Result.isSuccess(request) ? script(request.success) : undefined
    if (text === null) return
    yield* text === undefined ? TestClock.adjust("1 minute") : reply(event, text)
  })

  const notify = Effect.fnUntraced(function* (notification: Nip47.Notification) {
    const content = yield* service.encrypt(client, Nip47.stringifyNotification(notification))
    yield* send(Nip47Event.notification({ client, content, createdAt: 0 }))
  })

  yield* relay
    .subscribe([Nip47Event.walletFilter({ wallet: service.publicKey })], {
      onStored: listening.open
    })
    .pipe(Stream.runForEach(answer), Effect.forkScoped)
  yield* listening.await
  const capabilities = {
    methods: Nip47.Method.literals,
    notifications: Nip47.NotificationType.literals,
    encryptions: ["nip44_v2"],
    ...options.info
  }
  yield* send(Nip47Event.info(capabilities, 0))

  const uri = {
    wallet: service.publicKey,
    relays: relay.urls,
    secret,
    lud16: Option.none()
  }
  const context = yield* NwcWallet.make(
    uri,
    { ...relay, ...options.relay?.(relay) },
    { answerTimeout: "1 second", paymentTimeout: "1 second", ...options.wallet }
  )
  return {
    wallet: Context.get(context, Wallet.Wallet),
    payer: Context.get(context, Payer.Payer),
    requests,
    reply,
    notify
  }
})
