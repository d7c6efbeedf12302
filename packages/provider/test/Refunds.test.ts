import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Msat, NostrEvent } from "@farthing/protocol"
import { ProviderBook } from "@farthing/provider"
import { UnixTime } from "@farthing/relay"
import { Bank, Wallet } from "@farthing/wallet"
import { PaymentFailed, PaymentUnknown } from "@farthing/wallet/Payer"
import { Deferred, Effect, Exit, Option, Queue, Scope } from "effect"
import { randomBytes } from "node:crypto"
import * as Market from "./support/Market.ts"

/** What a refund of the price comes to. */
const back = Msat.make(9_000)

const offerLasts = 7 * 24 * 60 * 60

const failing = [Market.fails("refused")]

const hashOf = (bolt11: string) =>
  Effect.map(Effect.fromResult(Bolt11.decode(bolt11)), ({ paymentHash }) => paymentHash)

/** A job that was paid and failed, as its customer sees it. */
const owed = Effect.fnUntraced(function* (seller: Effect.Success<ReturnType<typeof Market.start>>) {
  const buyer = yield* Market.customer(seller)
  const balance = yield* buyer.balance
  const request = yield* buyer.buy()
  const offer = yield* buyer.hear("RefundOffer")
  return { buyer, balance, request, offer }
})

const statesOf = Effect.fnUntraced(function* (request: NostrEvent.NostrEvent) {
  const book = yield* ProviderBook.ProviderBook
  return (yield* book.steps(request.id)).map(({ state }) => state)
})

describe("a refund", () => {
  it.live("is offered for a paid job that failed, and paid to the customer who asks for it", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider(failing)
      const buyer = yield* Market.customer(seller)
      const balance = yield* buyer.balance
      const now = yield* UnixTime.now
      const request = yield* buyer.buy()
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "inference_failed")
      const { message: offer } = yield* buyer.hear("RefundOffer")
      assert.deepInclude(offer, { request_id: request.id, amount_msats: back })
      assert.approximately(offer.expires_at, now + offerLasts, 60)
      assert.deepInclude(yield* seller.next("Owed"), { amount: back, request: request.id })
      assert.deepInclude(yield* seller.status, { owed: 1, refunded: 0, earned: Msat.zero })

      const invoice = yield* buyer.makeInvoice(back)
      yield* buyer.claim(request, invoice)
      assert.deepInclude(yield* seller.next("Refunded"), {
        request: request.id,
        amount: back,
        fee: Msat.zero,
        paymentHash: yield* hashOf(invoice)
      })
      assert.strictEqual(yield* buyer.balance, balance - Market.price + back)
      assert.deepInclude(yield* seller.status, { owed: 0, refunded: 1, earned: Msat.zero })
      assert.deepStrictEqual(yield* statesOf(request), [
        "quoted",
        "paid",
        "running",
        "owed",
        "owed",
        "refunded"
      ])
    }).pipe(Market.inMarket)
  )

  it.live("is offered to no program that does not know the word, and honoured all the same", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider(failing)
      const buyer = yield* Market.customer(seller)
      const request = yield* buyer.ask()
      yield* buyer.pay((yield* buyer.hear("Invoice")).message.bolt11)
      yield* buyer.hear("JobError")
      yield* seller.next("Owed")
      yield* Market.answered(buyer)
      assert.strictEqual(yield* Queue.size(buyer.heard), 0)
      yield* buyer.claim(request, yield* buyer.makeInvoice(back))
      yield* seller.next("Refunded")
    }).pipe(Market.inMarket)
  )

  it.live("is paid once, however often it is asked for", () =>
    Effect.gen(function* () {
      let paid = 0
      const gate = yield* Deferred.make<void>()
      const seller = yield* Market.provider(failing).pipe(
        Market.withPayer((payer) => ({
          ...payer,
          pay: (request) => {
            paid++
            return Effect.andThen(Deferred.await(gate), payer.pay(request))
          }
        }))
      )
      const { balance, buyer, request } = yield* owed(seller)
      const invoice = yield* buyer.makeInvoice(back)
      for (const _ of [1, 2, 3]) yield* buyer.claim(request, invoice)
      yield* Market.answered(buyer)
      yield* Deferred.succeed(gate, undefined)
      yield* seller.next("Refunded")
      yield* buyer.claim(request, invoice)
      yield* Market.answered(buyer)
      assert.strictEqual(paid, 1)
      assert.strictEqual(yield* buyer.balance, balance - Market.price + back)
    }).pipe(Market.inMarket)
  )

  it.live("goes to the first invoice that is valid, whatever comes after it", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const seller = yield* Market.provider(failing).pipe(
        Market.withPayer((payer) => ({
          ...payer,
          pay: (request) =>
            Deferred.succeed(asked, undefined).pipe(
              Effect.andThen(Deferred.await(gate)),
              Effect.andThen(payer.pay(request))
            )
        }))
      )
      const { buyer, request } = yield* owed(seller)
      const first = yield* buyer.makeInvoice(back)
      yield* buyer.claim(request, first)
      yield* Deferred.await(asked)
      yield* buyer.claim(request, yield* buyer.makeInvoice(back))
      yield* Market.answered(buyer)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* seller.next("Refunded")).paymentHash, yield* hashOf(first))
    }).pipe(Market.inMarket)
  )
})

describe("an invoice for a refund is not paid", () => {
  const foreign = (network: "mainnet" | "regtest", createdAt: number, expirySeconds: number) =>
    Bolt11.encode(
      {
        network,
        amount: Option.some(back),
        createdAt,
        expirySeconds,
        paymentHash: Bolt11.PaymentHash.make(randomBytes(32).toString("hex")),
        paymentSecret: randomBytes(32).toString("hex"),
        description: "",
        minFinalCltvDelta: 18
      },
      randomBytes(32)
    )

  type Buyer = Market.Customer
  const faults: ReadonlyArray<
    readonly [
      string,
      (
        honest: Buyer,
        stranger: Buyer,
        request: NostrEvent.NostrEvent
      ) => Effect.Effect<unknown, unknown, Bank.Bank>
    ]
  > = [
    [
      "of a stranger",
      (_, stranger, request) =>
        Effect.flatMap(stranger.makeInvoice(back), (bolt11) => stranger.claim(request, bolt11))
    ],
    [
      "over more than was offered",
      (buyer, _, request) =>
        Effect.flatMap(buyer.makeInvoice(Market.price), (bolt11) => buyer.claim(request, bolt11))
    ],
    [
      "over less than was offered",
      (buyer, _, request) =>
        Effect.flatMap(buyer.makeInvoice(Msat.make(8_999)), (bolt11) =>
          buyer.claim(request, bolt11)
        )
    ],
    [
      "of another network",
      (buyer, _, request) =>
        Effect.flatMap(UnixTime.now, (now) => buyer.claim(request, foreign("mainnet", now, 86_400)))
    ],
    [
      "that is about to expire",
      (buyer, _, request) =>
        Effect.flatMap(UnixTime.now, (now) => buyer.claim(request, foreign("regtest", now, 30)))
    ],
    ["that is none", (buyer, _, request) => buyer.claim(request, "lnbcrt1nonsense")],
    [
      "that is the provider's own",
      (buyer, _, request) =>
        Effect.gen(function* () {
          const bank = yield* Bank.Bank
          const own = yield* bank.makeInvoice("provider", {
            amount: back,
            description: "",
            expiry: "1 day"
          })
          yield* buyer.claim(request, own.bolt11)
        })
    ]
  ]

  it.live.each(faults)("%s", ([, send]) =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const seller = yield* Market.provider(failing).pipe(
        Market.withPayer((payer) => ({
          ...payer,
          pay: (request) => {
            asked.push(request.invoice.paymentHash)
            return payer.pay(request)
          }
        }))
      )
      const { buyer, request } = yield* owed(seller)
      yield* send(buyer, yield* Market.customer(seller), request)
      yield* Market.answered(buyer)
      const valid = yield* buyer.makeInvoice(back)
      yield* buyer.claim(request, valid)
      yield* seller.next("Refunded")
      assert.deepStrictEqual(asked, [yield* hashOf(valid)])
    }).pipe(Market.inMarket)
  )
})

describe("a wallet", () => {
  it.live("that cannot pay leaves the job owed, and its owner is told", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider(failing).pipe(
        Market.withPayer((payer) => ({
          ...payer,
          pay: () =>
            Effect.fail(
              new PaymentFailed({ reason: "refused", message: "this connection only receives" })
            )
        }))
      )
      const { buyer, request } = yield* owed(seller)
      yield* buyer.claim(request, yield* buyer.makeInvoice(back))
      assert.include((yield* seller.next("Trouble")).message, "this connection only receives")
      assert.deepInclude(yield* seller.status, { owed: 1, refunded: 0 })
    }).pipe(Market.inMarket)
  )

  it.live("that fails to pay today pays another time", () =>
    Effect.gen(function* () {
      let paid = 0
      const seller = yield* Market.provider(failing).pipe(
        Market.withPayer((payer) => ({
          ...payer,
          pay: (request) =>
            paid++ === 0
              ? Effect.fail(new PaymentFailed({ reason: "no_route", message: "no way there" }))
              : payer.pay(request)
        }))
      )
      const { balance, buyer, request } = yield* owed(seller)
      yield* buyer.claim(request, yield* buyer.makeInvoice(back))
      assert.include((yield* seller.next("Trouble")).message, "no way there")
      yield* seller.next("Refunded")
      assert.strictEqual(yield* buyer.balance, balance - Market.price + back)
    }).pipe(Market.inMarket)
  )

  it.live("that has too little pays when it has more", () =>
    Effect.gen(function* () {
      let balance: Msat.Msat | undefined = Msat.zero
      const seller = yield* Market.provider(failing).pipe(
        Market.withWallet((wallet) => ({
          ...wallet,
          balance: Effect.suspend(() =>
            balance === undefined ? wallet.balance : Effect.succeed(balance)
          )
        }))
      )
      const { buyer, request } = yield* owed(seller)
      yield* buyer.claim(request, yield* buyer.makeInvoice(back))
      assert.include((yield* seller.next("Trouble")).message, "too little")
      balance = undefined
      yield* seller.next("Refunded")
    }).pipe(Market.inMarket)
  )

  it.live("that does not say whether it paid is asked later, and never made to pay again", () =>
    Effect.gen(function* () {
      let paid = 0
      let silent = true
      const seller = yield* Market.provider(failing).pipe(
        Market.withPayer((payer) => ({
          ...payer,
          pay: (request) => {
            paid++
            const { paymentHash } = request.invoice
            return Effect.andThen(
              payer.pay(request),
              Effect.fail(new PaymentUnknown({ paymentHash, message: "the line went dead" }))
            )
          }
        })),
        Market.withWallet((wallet) => ({
          ...wallet,
          lookupOutgoing: (paymentHash) =>
            Effect.suspend(() =>
              silent
                ? Effect.fail(
                    new Wallet.WalletError({
                      reason: new Wallet.WalletUnreachable({ message: "no answer" })
                    })
                  )
                : wallet.lookupOutgoing(paymentHash)
            )
        }))
      )
      const { balance, buyer, request } = yield* owed(seller)
      yield* buyer.claim(request, yield* buyer.makeInvoice(back))
      assert.include((yield* seller.next("Trouble")).message, "the line went dead")
      silent = false
      yield* seller.next("Refunded")
      assert.strictEqual(paid, 1)
      assert.strictEqual(yield* buyer.balance, balance - Market.price + back)
    }).pipe(Market.inMarket)
  )
})

describe("two processes with one book", () => {
  it.live("pay a refund once", () =>
    Effect.gen(function* () {
      let paid = 0
      const secret = Market.newSecret()
      const counting = Market.withPayer((payer) => ({
        ...payer,
        pay: (request) => {
          paid++
          return payer.pay(request)
        }
      }))
      const one = yield* Market.start(secret, failing).pipe(counting)
      yield* Market.start(secret, failing).pipe(counting)
      const { balance, buyer, request } = yield* owed(one)
      for (const _ of [1, 2, 3]) yield* buyer.claim(request, yield* buyer.makeInvoice(back))
      const book = yield* ProviderBook.ProviderBook
      yield* Effect.repeat(book.counts(one.publicKey), {
        until: (counts) => counts.some(({ state }) => state === "refunded")
      })
      yield* Market.answered(buyer)
      assert.strictEqual(paid, 1)
      assert.strictEqual(yield* buyer.balance, balance - Market.price + back)
      assert.strictEqual(
        (yield* statesOf(request)).filter((state) => state === "refunded").length,
        1
      )
    }).pipe(Market.inMarket)
  )
})

/** A book in which a job of this customer is owed since a unix second. */
const oweSince = Effect.fnUntraced(function* (
  seller: {
    readonly publicKey: Market.Customer["publicKey"]
    readonly channel: NostrEvent.EventId
  },
  buyer: Market.Customer,
  since: number
) {
  const book = yield* ProviderBook.ProviderBook
  const request = yield* buyer.say(Market.request({ model: "small" }), since)
  const paymentHash = Bolt11.PaymentHash.make(randomBytes(32).toString("hex"))
  const job = {
    id: request.id,
    customer: buyer.publicKey,
    message: Market.request({ model: "small" }),
    model: "small",
    settlement: "upfront" as const,
    receivedAt: since,
    amount: Market.price,
    bolt11: "lnbcrt1",
    paymentHash,
    invoiceExpiresAt: since + 600
  }
  const offer = { amount: back, expiresAt: since + offerLasts, reason: "timeout: too slow" }
  yield* book.quoted(seller.publicKey, job, request)
  yield* book.paid(paymentHash, { owner: "dead", until: 0 }, "running")
  yield* book.owed(job.id, "dead", offer, [])
  const bank = yield* Bank.Bank
  yield* bank.deposit("provider", Market.price)
  return request
})

describe("an offer", () => {
  it.live("is heard of after a restart, however long ago that was said", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const now = yield* UnixTime.now
      const day = 24 * 60 * 60
      const before = yield* Effect.scoped(Market.start(secret))
      const buyer = yield* Market.customer(before)
      const request = yield* oweSince(before, buyer, now - 3 * day)
      yield* buyer.claim(request, yield* buyer.makeInvoice(back, "5 days"), now - day)
      const after = yield* Market.start(secret)
      assert.deepInclude((yield* buyer.hear("RefundOffer")).message, {
        request_id: request.id,
        amount_msats: back,
        expires_at: now + 4 * day
      })
      yield* after.next("Refunded")
    }).pipe(Market.inMarket)
  )

  it.live("is said again after a restart, in the same bytes", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const published: Array<NostrEvent.NostrEvent> = []
      const scope = yield* Scope.make()
      const before = yield* Market.start(secret, failing).pipe(Scope.provide(scope))
      const { offer } = yield* owed(before)
      yield* Scope.close(scope, Exit.void)
      const said = yield* Deferred.make<void>()
      yield* Market.start(secret, failing).pipe(
        Market.withRelay((relay) => ({
          ...relay,
          publish: (event) => {
            published.push(event)
            return Effect.andThen(
              event.id === offer.event.id ? Deferred.succeed(said, undefined) : Effect.void,
              relay.publish(event)
            )
          }
        }))
      )
      yield* Deferred.await(said)
      assert.deepInclude(published, offer.event)
    }).pipe(Market.inMarket)
  )

  it.live("that nobody took in time is lost, with the reason, and not paid any more", () =>
    Effect.gen(function* () {
      const secret = Market.newSecret()
      const now = yield* UnixTime.now
      const before = yield* Effect.scoped(Market.start(secret))
      const buyer = yield* Market.customer(before)
      const request = yield* oweSince(before, buyer, now - offerLasts - 120)
      const balance = yield* buyer.balance
      const after = yield* Market.start(secret)
      const { reason } = yield* after.next("Lost")
      assert.strictEqual(reason, "nobody asked for the refund; timeout: too slow")
      assert.deepInclude(yield* after.status, { owed: 0, lost: 1 })
      yield* buyer.claim(request, yield* buyer.makeInvoice(back))
      yield* Market.answered(buyer)
      assert.strictEqual(yield* buyer.balance, balance)
      assert.strictEqual((yield* statesOf(request)).at(-1), "lost")
    }).pipe(Market.inMarket)
  )
})

describe("a cancelled request", () => {
  it.live("makes room for another quote, and is done all the same if it is paid", () =>
    Effect.gen(function* () {
      const seller = yield* Market.provider([Market.echo], { unpaidPerCustomer: 1 })
      const buyer = yield* Market.customer(seller)
      const stranger = yield* Market.customer(seller)
      const request = yield* buyer.ask({ model: "small" })
      const { message: quote } = yield* buyer.hear("Invoice")
      yield* stranger.say({ type: "JobCancel", request_id: request.id })
      yield* Market.answered(stranger)
      yield* buyer.ask({ model: "small" })
      assert.strictEqual((yield* buyer.hear("JobError")).message.code, "over_capacity")
      yield* buyer.say({ type: "JobCancel", request_id: request.id })
      assert.deepInclude(yield* seller.next("Cancelled"), { request: request.id })
      yield* buyer.ask({ model: "small" })
      yield* buyer.hear("Invoice")

      yield* buyer.pay(quote.bolt11)
      const { message } = yield* buyer.hear("JobResult")
      assert.deepInclude(message, { request_id: request.id, result: "hello!" })
      const book = yield* ProviderBook.ProviderBook
      yield* seller.next("Delivered")
      const [quoted] = yield* book.steps(request.id)
      assert.deepInclude(quoted, { state: "quoted", note: "cancelled by its customer" })
    }).pipe(Market.inMarket)
  )

  it.live("is cancelled in vain once it is paid", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const seller = yield* Market.provider([Market.after(gate)])
      const buyer = yield* Market.customer(seller)
      const request = yield* buyer.buy()
      yield* seller.next("Paid")
      yield* buyer.say({ type: "JobCancel", request_id: request.id })
      yield* Market.answered(buyer)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* buyer.hear("JobResult")).message.result, "hello!")
    }).pipe(Market.inMarket)
  )
})
