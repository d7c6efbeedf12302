/**
 * A provider under observation: the product's own, over a wallet that can be watched, with a
 * backend that says every prompt back and counts how often it was asked.
 */
import type { Bolt11, Msat } from "@farthing/protocol"
import { ComputeProvider, InferenceBackend } from "@farthing/provider"
import { Wallet } from "@farthing/wallet"
import { Context, Effect, Layer, Schedule, Stream } from "effect"
import type { Scope } from "effect"
import { Market } from "farthing"
import { assert } from "@effect/vitest"
import * as Books from "./Books.ts"
import * as People from "./People.ts"
import * as Stage from "./Stage.ts"

export interface Options {
  readonly place?: Stage.Place
  readonly offer?: Market.Offer
  /** The seller's wallet as it shall be; default: as it is. */
  readonly wallet?: (wallet: Wallet.Shape) => Wallet.Shape
  /** Every inference fails, for good. */
  readonly fails?: boolean
  readonly onInfer?: (request: InferenceBackend.InferenceRequest) => void
  /** What every inference waits for. */
  readonly gate?: Effect.Effect<void>
}

export interface Shop {
  readonly place: Stage.Place
  readonly account: Stage.Account
  /** The folder of its books. */
  readonly home: string
  /** Opens, and closes with the scope; home and books stay. */
  readonly open: Effect.Effect<ComputeProvider.Shape, never, Scope.Scope>
  /** How often something was inferred, over all openings. */
  readonly inferred: () => number
  /** Waits until the wallet was asked for an invoice once more, and has answered. */
  readonly looksAt: (paymentHash: Bolt11.PaymentHash) => Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* (options: Options = {}) {
  const place = options.place ?? (yield* Stage.place())
  const person = yield* People.person(place, { name: "shop" })
  const looks = new Set<(paymentHash: Bolt11.PaymentHash) => void>()
  let inferred = 0

  const backend = InferenceBackend.InferenceBackend.of({
    name: "echo",
    models: Effect.succeed(["echo"]),
    infer: (request) => {
      inferred++
      options.onInfer?.(request)
      const text =
        options.fails === true ? Stream.fail(refusal) : Stream.fromIterable(echo(request.prompt))
      return Stream.concat(Stream.fromEffectDrain(options.gate ?? Effect.void), text)
    }
  })

  const watched = (wallet: Wallet.Shape): Wallet.Shape => ({
    ...wallet,
    lookupIncoming: (paymentHash) =>
      Effect.tap(wallet.lookupIncoming(paymentHash), () =>
        Effect.sync(() => looks.forEach((look) => look(paymentHash)))
      )
  })

  const wallet = Layer.effect(
    Wallet.Wallet,
    Effect.map(Wallet.Wallet, (wallet) => watched(options.wallet?.(wallet) ?? wallet))
  ).pipe(Layer.provideMerge(Market.wallet))

  const seller = Market.computeProvider(options.offer).pipe(
    Layer.provide(Layer.succeed(InferenceBackend.InferenceBackend, backend)),
    Layer.provide(wallet),
    Layer.provide(Market.relay),
    Layer.provide(Market.signer),
    Layer.provide(Market.database)
  )

  const shop: Shop = {
    place,
    account: person.account,
    home: person.environment.FARTHING_HOME,
    open: Effect.gen(function* () {
      const context = yield* People.live(person, seller)
      const provider = Context.get(context, ComputeProvider.ComputeProvider)
      yield* provider.online
      return provider
    }),
    inferred: () => inferred,
    looksAt: (paymentHash) =>
      Effect.callback((resume) => {
        const look = (asked: Bolt11.PaymentHash) => {
          if (asked === paymentHash) resume(Effect.void)
        }
        looks.add(look)
        return Effect.sync(() => looks.delete(look))
      })
  }
  return shop
})

/** A shop that is open until the trial ends. */
export const open = Effect.fnUntraced(function* (options?: Options) {
  const shop = yield* make(options)
  return { ...shop, provider: yield* shop.open }
})

export type Open = Shop & { readonly provider: ComputeProvider.Shape }

export interface Account {
  readonly delivered: number
  readonly owed: number
  readonly refunded: number
  readonly unpaid: number
  readonly earned: number
  /** How often something was inferred. */
  readonly inferred: number
  /** What the bank says that came in, in msat. */
  readonly gained: number
  readonly findings: ReadonlyArray<string>
}

/** What the provider's book, the backend and the bank say; all of them at once. */
const books = Effect.fnUntraced(function* (shop: Open) {
  const { bank } = yield* Stage.Stage
  const { delivered, earned, owed, refunded, unpaid } = yield* shop.provider.status
  const { findings } = yield* bank.audit
  return {
    delivered,
    owed,
    refunded,
    unpaid,
    earned,
    inferred: shop.inferred(),
    gained: yield* Books.earned(shop.account),
    findings
  } satisfies Account
}, Effect.orDie)

/**
 * The books, once as many jobs have ended as were to: the book is written after the customer has
 * heard the end.
 */
export const closing = (shop: Open, expected: Account) =>
  books(shop).pipe(
    Effect.repeat({
      until: ({ delivered, owed, refunded }) =>
        delivered >= expected.delivered && refunded >= expected.refunded && owed === expected.owed,
      schedule: Schedule.spaced("20 millis")
    }),
    Effect.tap((account) => Effect.sync(() => assert.deepStrictEqual(account, expected)))
  )

/** So many jobs were sold at this price, and nothing else is on the books. */
export const sold = (jobs: number, price: Msat.Msat): Account => ({
  delivered: jobs,
  owed: 0,
  refunded: 0,
  unpaid: 0,
  earned: jobs * price,
  inferred: jobs,
  gained: jobs * price,
  findings: []
})

const echo = (prompt: string): ReadonlyArray<InferenceBackend.Part> => [
  { _tag: "Text", text: `${prompt}!` },
  { _tag: "Finish", reason: "stop", tokensIn: 1, tokensOut: 1 }
]

const refusal = new InferenceBackend.InferenceError({ reason: "refused", message: "not that" })
