/**
 * A wallet over an account of the bank that answers what a trial tells it to, true or not: real
 * money moves, and what is said about it is something else.
 */
import * as AccountMethods from "@farthing/devnet/bank/AccountMethods"
import { Bolt11, Key, Msat, Nip47, Nip47Event, NostrEvent, NwcUri } from "@farthing/protocol"
import { Relay, Signer } from "@farthing/relay"
import {
  Effect,
  Latch,
  Option,
  Redacted,
  Ref,
  Result,
  Schedule,
  Stream,
  SubscriptionRef
} from "effect"
import * as OtherRelay from "../../src/OtherRelay.ts"
import * as Stage from "../../src/Stage.ts"

/** The answers to a request, in their order: none, one, or several that contradict each other. */
export type Answers = Effect.Effect<ReadonlyArray<string>>

/** How the wallet answers; `honest` does what is asked for and says what came of it. */
export type Conduct = (
  request: Nip47.Request,
  honest: Effect.Effect<string>,
  event: NostrEvent.NostrEvent
) => Answers

export interface CrookedWallet {
  /** The connection to it. */
  readonly uri: string
  readonly account: Stage.Account
  /** From now on it answers like this. */
  readonly behave: (conduct: Conduct) => Effect.Effect<void>
  /** Pays an invoice of its own accord, whatever it was told and when. */
  readonly payAnyway: (bolt11: string) => Effect.Effect<void>
  /** Carries payments out, and answers this as soon as they are begun; then it says nothing more. */
  readonly beginsAnd: (...answers: ReadonlyArray<string>) => Conduct
  /** The payments that it was asked for, once there are so many and it has dealt with them. */
  readonly asked: (atLeast: number) => Effect.Effect<ReadonlyArray<string>>
  /** Answers a request in its place, as somebody else. */
  readonly answerAs: (
    stranger: Signer.Shape,
    request: NostrEvent.NostrEvent,
    text: string
  ) => Effect.Effect<void>
}

export const honest: Conduct = (_request, honest) => Effect.map(honest, (answer) => [answer])

/** Is honest but for one method. */
export const except =
  <M extends Nip47.Method>(
    method: M,
    conduct: (
      request: Extract<Nip47.Request, { readonly method: M }>,
      honest: Effect.Effect<string>
    ) => Answers
  ) =>
  (rest: Conduct = honest): Conduct =>
  (request, truth, event) =>
    isOf(method, request) ? conduct(request, truth) : rest(request, truth, event)

const isOf = <M extends Nip47.Method>(
  method: M,
  request: Nip47.Request
): request is Extract<Nip47.Request, { readonly method: M }> => request.method === method

/** Serves an account until the scope closes; its relay may be reached over one that misbehaves. */
export const open = Effect.fnUntraced(function* (
  conduct: Conduct,
  misbehaviour?: OtherRelay.Manner
) {
  const stage = yield* Stage.Stage
  const account = yield* stage.account("crook")
  const { bank } = stage
  const { relays } = Result.getOrThrow(NwcUri.parse(account.nwc))
  const relay = yield* Relay.make({ urls: relays })
  const service = Signer.make(Key.generate())
  const secret = Key.generate()
  const client = Key.publicKeyOf(secret)
  const manner = yield* Ref.make(conduct)
  const asked = yield* SubscriptionRef.make<ReadonlyArray<string>>([])
  const listening = yield* Latch.make()

  /** Once the bank knows of the payment, whatever became of it. */
  const hasBegun = (bolt11: string) =>
    Effect.fromResult(Bolt11.decode(bolt11)).pipe(
      Effect.flatMap(({ paymentHash }) => bank.findPayment(account.account, paymentHash)),
      Effect.repeat({ until: Option.isSome, schedule: Schedule.spaced("20 millis") }),
      Effect.orDie
    )

  const scope = yield* Effect.scope

  const publish = (template: NostrEvent.Template) =>
    Effect.flatMap(service.sign(template), (event) => relay.publish(event))

  const answer = Effect.fnUntraced(function* (event: NostrEvent.NostrEvent) {
    const request = yield* Effect.fromResult(
      Nip47.parseRequest(yield* service.decrypt(client, event.content))
    )
    const expiresAt = NostrEvent.expirationOf(event) ?? event.created_at
    const truth = AccountMethods.execute({ bank, account: account.account }, request, expiresAt)
    const conduct = yield* Ref.get(manner)
    for (const text of yield* conduct(request, truth, event)) {
      const content = yield* service.encrypt(client, text)
      yield* publish(
        Nip47Event.response({ client, request: event.id, content, createdAt: event.created_at })
      )
    }
    if (request.method === "pay_invoice")
      yield* SubscriptionRef.update(asked, (all) => [...all, request.params.invoice])
  })

  yield* relay
    .subscribe([Nip47Event.walletFilter({ wallet: service.publicKey })], {
      onStored: listening.open
    })
    .pipe(
      Stream.runForEach((event) => Effect.forkChild(Effect.orDie(answer(event)))),
      Effect.forkScoped
    )
  yield* listening.await
  const capabilities = {
    methods: Nip47.Method.literals,
    notifications: [],
    encryptions: [Nip47Event.encryption]
  }
  yield* publish(Nip47Event.info(capabilities, 0))

  const between =
    misbehaviour === undefined
      ? undefined
      : yield* OtherRelay.make(relays[0] ?? "", OtherRelay.of(misbehaviour))
  const uri = NwcUri.format({
    wallet: service.publicKey,
    relays: between === undefined ? relays : [between.url],
    secret,
    lud16: Option.none()
  })
  return {
    uri: Redacted.value(uri),
    account,
    behave: (next) => Ref.set(manner, next),
    payAnyway: (bolt11) =>
      Effect.fromResult(Bolt11.decode(bolt11)).pipe(
        Effect.flatMap((invoice) =>
          bank.pay(account.account, { invoice, maxFee: Msat.most, expiresAt: invoice.expiresAt })
        ),
        Effect.orDie,
        Effect.asVoid
      ),
    beginsAnd: (...answers) =>
      except("pay_invoice", ({ params }, honest) =>
        Effect.forkIn(honest, scope).pipe(
          Effect.andThen(hasBegun(params.invoice)),
          Effect.as(answers)
        )
      )(),
    asked: (atLeast) =>
      SubscriptionRef.changes(asked).pipe(
        Stream.filter((all) => all.length >= atLeast),
        Stream.runHead,
        Effect.map(Option.getOrThrow)
      ),
    answerAs: (stranger, request, text) =>
      Effect.gen(function* () {
        const content = yield* stranger.encrypt(client, text)
        const createdAt = request.created_at
        const template = Nip47Event.response({ client, request: request.id, content, createdAt })
        yield* relay.publish(yield* stranger.sign(template))
      }).pipe(Effect.orDie)
  } satisfies CrookedWallet
}, Effect.orDie)

/** Pays what it is asked to, and answers something else; nothing at all, if there is nothing. */
export const paysAnd = (...answers: ReadonlyArray<string>) =>
  except("pay_invoice", (_, honest) => Effect.as(honest, answers))

export const paysNothingAnd = (...answers: ReadonlyArray<string>) =>
  except("pay_invoice", () => Effect.succeed(answers))

/** Tells of its payments with something else in it. */
export const looksUp = (change: (answer: string) => string) =>
  except("lookup_invoice", (_, honest) => Effect.map(honest, (answer) => [change(answer)]))

/** A refusal, as the wallet says it. */
export const refusal = (code: string, method: Nip47.Method = "pay_invoice"): string =>
  JSON.stringify({ result_type: method, error: { code, message: "no" }, result: null })

/** A result, as the wallet says it. */
export const result = (method: Nip47.Method, value: object): string =>
  JSON.stringify({ result_type: method, error: null, result: value })

/** It knows of no such payment. */
export const notFound = refusal("NOT_FOUND", "lookup_invoice")

/** The true answer with something else in its result. */
export const changed = (answer: string, change: object): string => {
  const { result: told, ...rest } = JSON.parse(answer)
  return JSON.stringify({ ...rest, result: { ...told, ...change } })
}
