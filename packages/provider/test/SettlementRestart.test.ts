import { assert, describe, it } from "@effect/vitest"
import { Msat, type NostrEvent } from "@farthing/protocol"
import { ProviderBook } from "@farthing/provider"
import { Bank } from "@farthing/wallet"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import * as Market from "./support/Market.ts"
import * as OnSpark from "./support/OnSpark.ts"
import * as Settling from "./support/Settling.ts"

const options = { settlement: Market.settlement, lease: "300 millis", stopWithin: 0 } as const

/** Where a provider stands still: it neither goes on from there nor lets go of anything. */
interface Moment {
  (here: Effect.Effect<never>): ReturnType<typeof Market.withBook>
}

type Book = ProviderBook.Shape

const inBook =
  (change: (book: Book, here: Effect.Effect<never>) => Partial<Book>): Moment =>
  (here) =>
    Market.withBook((book) => ({
      ...book,
      release: () => Effect.void,
      ...change(book, here)
    }))

const afterwards = <A, E>(effect: Effect.Effect<A, E>, here: Effect.Effect<never>) =>
  Effect.andThen(effect, here)

const inWallet =
  (change: Parameters<typeof inBook>[0] | undefined, when: "before" | "after"): Moment =>
  (here) =>
  (effect) =>
    effect.pipe(
      Market.withWallet((wallet) => ({
        ...wallet,
        settleHoldInvoice: (preimage) =>
          when === "before" ? here : afterwards(wallet.settleHoldInvoice(preimage), here),
        cancelHoldInvoice: (hash) =>
          when === "before" ? here : afterwards(wallet.cancelHoldInvoice(hash), here)
      })),
      inBook(change ?? (() => ({})))(here)
    )

const ofBoth: Readonly<Record<string, Moment>> = {
  "it is answered": inBook((book, here) => ({
    answered: (...given) => afterwards(book.answered(...given), here)
  })),
  "all is at the relays": inBook((_, here) => ({ awaiting: () => here })),
  "it awaits its money": inBook((book, here) => ({
    awaiting: (...given) => afterwards(book.awaiting(...given), here)
  })),
  "the wallet is asked for the money": inWallet(undefined, "before"),
  "the wallet has taken the money": inWallet(undefined, "after"),
  "the end is written": inBook((_, here) => ({ collected: () => here }))
}

const ofEscrow: Readonly<Record<string, Moment>> = {
  "it is quoted": inBook((book, here) => ({
    quoted: (...given) => afterwards(book.quoted(...given), here)
  })),
  "the wallet shows the lock": inBook((_, here) => ({ locked: () => here })),
  "the lock is written": inBook((book, here) => ({
    locked: (...given) => afterwards(book.locked(...given), here)
  })),
  "a preimage comes": inBook((_, here) => ({ released: () => here })),
  "the preimage is written": inBook((book, here) => ({
    released: (...given) => afterwards(book.released(...given), here)
  })),
  ...ofBoth
}

const ofSparkEscrow: Readonly<Record<string, Moment>> = {
  "its wallet waits for the money": (here) => (effect) =>
    effect.pipe(
      Market.withWallet((wallet) => ({
        ...wallet,
        quoteHtlc: (request) => Effect.flatMap(wallet.quoteHtlc(request), () => here)
      })),
      inBook(() => ({}))(here)
    ),
  ...ofEscrow
}

const ofSealed: Readonly<Record<string, Moment>> = {
  "it is quoted": inBook((book, here) => ({
    sealed: (...given) => afterwards(book.sealed(...given), here)
  })),
  "it is begun": inBook((book, here) => ({
    running: (...given) => afterwards(book.running(...given), here)
  })),
  "the wallet shows the lock": inBook((_, here) => ({ claiming: () => here })),
  "it is to be claimed": inBook((book, here) => ({
    claiming: (...given) => afterwards(book.claiming(...given), here)
  })),
  ...ofBoth
}

const ofReturn: Readonly<Record<string, Moment>> = {
  "it is to go back": inBook((book, here) => ({
    returning: (...given) => afterwards(book.returning(...given), here)
  })),
  "the wallet is asked to give back": inWallet(undefined, "before"),
  "the wallet has given back": inWallet(undefined, "after"),
  "the end is written": inBook((_, here) => ({ returned: () => here }))
}

/** Somebody deals with a provider that dies at a moment, and with the one that comes after it. */
const dyingAt = Effect.fnUntraced(function* <A, E>(
  moment: Moment,
  play: Market.Play,
  deal: (buyer: Market.Customer) => Effect.Effect<A, E>
) {
  const secret = Market.newSecret()
  const life = yield* Scope.make()
  const dies = yield* Deferred.make<void>()
  const here = Effect.andThen(Deferred.succeed(dies, undefined), Effect.never)
  const dead = yield* Market.start(secret, [play], options).pipe(moment(here), Scope.provide(life))
  const buyer = yield* Market.customer(dead)
  const before = yield* buyer.balance
  const dealing = yield* Effect.forkChild(deal(buyer), { startImmediately: true })
  yield* Deferred.await(dies)
  yield* Scope.close(life, Exit.void)
  const alive = yield* Market.start(secret, [play], options)
  return { alive, buyer, before, outcome: yield* Fiber.join(dealing) }
})

const takenOnce = Effect.fnUntraced(function* (
  { alive, before, buyer }: Effect.Success<ReturnType<typeof dyingAt>>,
  id: NostrEvent.EventId
) {
  yield* alive.next("Delivered")
  assert.strictEqual(yield* buyer.balance, before - Market.price)
  const book = yield* ProviderBook.ProviderBook
  const states = (yield* book.steps(id)).map(({ state }) => state)
  assert.strictEqual(states.filter((state) => state === "delivered").length, 1)
  assert.deepInclude(yield* alive.status, { delivered: 1, earned: Market.price, awaiting: 0 })
  const bank = yield* Bank.Bank
  assert.strictEqual(yield* bank.balance("provider"), Market.price)
  assert.deepStrictEqual((yield* bank.audit).findings, [])
})

describe.concurrent("a provider that dies", () => {
  for (const [name, moment] of Object.entries(ofEscrow))
    it.live(`in an escrow when ${name}, takes its money once`, () =>
      Effect.gen(function* () {
        const deal = yield* dyingAt(moment, Market.echo, Settling.buyInEscrow)
        assert.strictEqual(deal.outcome.text, "hello!")
        yield* takenOnce(deal, deal.outcome.id)
      }).pipe(Market.inMarket)
    )

  for (const [name, moment] of Object.entries(ofSparkEscrow))
    it.live(`in an escrow over Spark when ${name}, takes its money once`, () =>
      Effect.gen(function* () {
        const deal = yield* dyingAt(moment, Market.echo, Settling.buyOverSpark)
        assert.strictEqual(deal.outcome.text, "hello!")
        yield* takenOnce(deal, deal.outcome.id)
      }).pipe(Market.withWallet(OnSpark.wallet()), Market.inMarket)
    )

  for (const [name, moment] of Object.entries(ofSealed))
    it.live(`with a sealed result when ${name}, takes its money once`, () =>
      Effect.gen(function* () {
        const deal = yield* dyingAt(moment, Market.echo, Settling.buySealed)
        assert.strictEqual(deal.outcome.text, "hello!")
        yield* takenOnce(deal, deal.outcome.id)
      }).pipe(Market.inMarket)
    )

  for (const [name, moment] of Object.entries(ofReturn))
    it.live(`when ${name}, has given the money back`, () =>
      Effect.gen(function* () {
        const { alive, before, buyer } = yield* dyingAt(
          moment,
          Market.fails("refused"),
          Effect.fnUntraced(function* (buyer) {
            const { bolt11 } = yield* Settling.quoteEscrow(buyer)
            const { end } = yield* buyer.lock(bolt11)
            assert.strictEqual((yield* Effect.flip(end))._tag, "PaymentFailed")
            yield* buyer.hear("JobError")
          })
        )
        yield* alive.next("Returned")
        assert.strictEqual(yield* buyer.balance, before)
        assert.deepInclude(yield* alive.status, { returned: 1, earned: Msat.zero })
      }).pipe(Market.inMarket)
    )

  it.live("in the middle of a sealed stream voids it, and says so", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const life = yield* Scope.make()
      const gate = yield* Deferred.make<void>()
      const dead = yield* Market.start(
        secret,
        [Market.inTwo("half ", Deferred.await(gate), "a text")],
        options
      ).pipe(inBook(() => ({}))(Effect.never), Scope.provide(life))
      const buyer = yield* Market.customer(dead)
      yield* buyer.ask({ model: "small", settlement: ["sealed"], stream: true })
      const { message } = yield* buyer.hear("Invoice")
      yield* buyer.hear("SealedChunk")
      yield* Scope.close(life, Exit.void)
      const alive = yield* Market.start(secret, [Market.echo], options)
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "inference_failed")
      yield* alive.next("Returned")
      assert.strictEqual(alive.inferred(), 0)
      yield* Effect.flip(buyer.lock(message.bolt11))
    }).pipe(Market.inMarket)
  )
})

describe("a release that was said while nobody was there", () => {
  it.live("is heard by whoever comes, however long ago that was", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const life = yield* Scope.make()
      const first = yield* Market.start(secret, [Market.echo], options).pipe(Scope.provide(life))
      const buyer = yield* Market.customer(first)
      const { bolt11, id, preimage } = yield* Settling.quoteEscrow(buyer)
      const { end } = yield* buyer.lock(bolt11)
      yield* first.next("Awaiting")
      yield* Scope.close(life, Exit.void)
      yield* Settling.release(buyer, id, preimage)
      // Requests of that age are not heard any more.
      const second = yield* Market.start(secret, [Market.echo], { ...options, requestAge: 0 })
      yield* end
      yield* second.next("Delivered")
    }).pipe(Market.inMarket)
  )
})

describe("several processes of one provider", () => {
  it.live("share every job, and take its money once", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const sellers = yield* Effect.forEach([1, 2, 3], () =>
        Market.start(secret, [Market.echo], { ...options, maxUnpaidSealed: 16 })
      )
      const [one] = sellers
      if (one === undefined) return assert.fail()
      const buyers = yield* Effect.replicateEffect(Market.customer(one), 4)
      yield* Effect.forEach(
        buyers,
        (buyer) =>
          Effect.gen(function* () {
            assert.strictEqual((yield* Settling.buyInEscrow(buyer)).text, "hello!")
            assert.strictEqual((yield* Settling.buySealed(buyer)).text, "hello!")
          }),
        { concurrency: "unbounded" }
      )
      yield* Effect.repeat(one.status, { until: ({ delivered }) => delivered === 8 })
      const inferred = sellers.reduce((sum, seller) => sum + seller.inferred(), 0)
      assert.strictEqual(inferred, 8)
      const bank = yield* Bank.Bank
      assert.strictEqual(yield* bank.balance("provider"), 8 * Market.price)
    }).pipe(Market.inMarket)
  )
})
