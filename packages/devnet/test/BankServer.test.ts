import { assert, describe, it } from "@effect/vitest"
import { BankServer } from "@farthing/devnet"
import type { NostrEvent } from "@farthing/protocol"
import { Bolt11, Key, Msat, Nip47, Nip47Event, NwcUri } from "@farthing/protocol"
import { Relay, Signer, UnixTime } from "@farthing/relay"
import { Bank } from "@farthing/wallet"
import * as WalletContract from "@farthing/wallet/testing/WalletContract"
import { Effect, Exit, Fiber, Option, Queue, Redacted, Result, Scope, Stream } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as BankOnRelay from "./BankOnRelay.ts"

const amount = Msat.make(21_000)

const preimage = Bolt11.Preimage.make("11".repeat(32))

const file = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "bank-server-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
).pipe(Effect.map((path) => join(path, "bank.db")))

/** A client that signs its own requests, and the answers that it gets. */
const client = Effect.fnUntraced(function* (
  nwc: Redacted.Redacted<string>,
  secret?: Key.SecretKey
) {
  const uri = yield* Effect.fromResult(NwcUri.parse(nwc))
  const signer = Signer.make(secret ?? uri.secret)
  const relay = yield* Relay.make({ urls: uri.relays })
  const answers = yield* Queue.unbounded<NostrEvent.NostrEvent>()
  yield* relay.subscribe([{ kinds: [Nip47Event.responseKind], "#p": [signer.publicKey] }]).pipe(
    Stream.runForEach((event) => Queue.offer(answers, event)),
    Effect.forkScoped({ startImmediately: true })
  )

  const request = Effect.fnUntraced(function* (content: string, seconds = 60) {
    const createdAt = yield* UnixTime.now
    const expiresAt = createdAt + seconds
    return yield* signer.sign(
      Nip47Event.request({ wallet: uri.wallet, content, createdAt, expiresAt })
    )
  })

  return {
    answers,
    publish: relay.publish,
    request,
    sign: (wish: Nip47.Request, seconds?: number) =>
      Effect.flatMap(signer.encrypt(uri.wallet, Nip47.stringifyRequest(wish)), (content) =>
        request(content, seconds)
      ),
    encrypt: (text: string) => signer.encrypt(uri.wallet, text),
    /** The event that the next answer belongs to, and what it says. */
    next: <M extends Nip47.Method>(method: M) =>
      Effect.gen(function* () {
        const event = yield* Queue.take(answers)
        const outcome = Nip47.parseResponse<M>(
          method,
          yield* signer.decrypt(uri.wallet, event.content)
        )
        return { event, outcome: Option.getOrThrow(outcome) }
      })
  }
})

const getBalance: Nip47.Request = { method: "get_balance", params: {} }

/** The bank's service in a scope of its own, so that it can be stopped. */
const restartable = Effect.fnUntraced(function* (url: string) {
  const scope = yield* Scope.make()
  const nwc = yield* BankOnRelay.serve(url).pipe(Scope.provide(scope))
  return { nwc, stop: Scope.close(scope, Exit.void) }
})

describe("BankServer", () => {
  it.live("gives the same connections after a restart, and money once", () =>
    Effect.gen(function* () {
      const url = yield* BankOnRelay.relay
      const filename = yield* file
      const first = yield* Effect.scoped(BankOnRelay.serve(url)).pipe(
        Effect.provide(BankOnRelay.bank(filename))
      )
      yield* Effect.gen(function* () {
        const second = yield* BankOnRelay.serve(url)
        assert.strictEqual(Redacted.value(first.alice), Redacted.value(second.alice))
        assert.notStrictEqual(Redacted.value(first.alice), Redacted.value(first.bob))
        const { wallet } = yield* BankOnRelay.connect(second.alice)
        assert.strictEqual(yield* wallet.balance, BankOnRelay.funds)
      }).pipe(Effect.scoped, Effect.provide(BankOnRelay.bank(filename)))
    })
  )

  it.live("carries an order out once, whatever is delivered again after a restart", () =>
    Effect.gen(function* () {
      const url = yield* BankOnRelay.relay
      const bank = yield* Bank.Bank
      const { nwc, stop } = yield* restartable(url)
      const alice = yield* client(nwc.alice)
      const made = yield* alice.sign({
        method: "make_invoice",
        params: { amount, description: "once" }
      })
      yield* alice.publish(made)
      const first = yield* alice.next("make_invoice")
      yield* stop

      yield* restartable(url)
      const again = yield* client(nwc.alice)
      yield* again.publish(made)
      const second = yield* again.next("make_invoice")
      assert.deepEqual(second.event, first.event)
      assert.strictEqual((yield* bank.transactions("alice")).incoming.length, 1)
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )

  it.live("answers a payment that was held while it was down", () =>
    Effect.gen(function* () {
      const url = yield* BankOnRelay.relay
      const bank = yield* Bank.Bank
      const { nwc, stop } = yield* restartable(url)
      const alice = yield* client(nwc.alice)
      const made = yield* bank.makeInvoice("bob", {
        amount,
        description: "",
        expiry: "1 hour",
        paymentHash: Bolt11.hashOf(preimage)
      })
      const held = yield* Effect.forkChild(Stream.runHead(bank.changes("bob")), {
        startImmediately: true
      })
      yield* alice.publish(
        yield* alice.sign({ method: "pay_invoice", params: { invoice: made.bolt11 } })
      )
      yield* Fiber.join(held)
      yield* stop

      yield* bank.settleHold("bob", preimage)
      yield* restartable(url)
      const { outcome } = yield* alice.next("pay_invoice")
      assert.strictEqual(Result.getOrThrow(outcome).preimage, preimage)
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )

  it.live("answers only the client that holds the connection", () =>
    Effect.gen(function* () {
      const { alice: nwc } = yield* BankOnRelay.serve(yield* BankOnRelay.relay)
      const stranger = yield* client(nwc, Key.generate())
      const alice = yield* client(nwc)
      yield* stranger.publish(yield* stranger.sign(getBalance))
      yield* alice.publish(yield* alice.sign(getBalance))
      const { outcome } = yield* alice.next("get_balance")
      assert.strictEqual(Result.getOrThrow(outcome).balance, BankOnRelay.funds)
      assert.strictEqual(yield* Queue.size(stranger.answers), 0)
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )

  it.live("tells a client of NIP-04 that it does not understand", () =>
    Effect.gen(function* () {
      const { alice: nwc } = yield* BankOnRelay.serve(yield* BankOnRelay.relay)
      const alice = yield* client(nwc)
      yield* alice.publish(yield* alice.request("bm9uc2Vuc2U=?iv=bm9uc2Vuc2Vub25zZW5zZQ=="))
      const { outcome } = yield* alice.next("get_balance")
      assert.strictEqual(
        Result.getFailure(outcome).pipe(Option.getOrThrow).code,
        "UNSUPPORTED_ENCRYPTION"
      )
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )

  it.live("refuses methods and parameters that it does not know", () =>
    Effect.gen(function* () {
      const { alice: nwc } = yield* BankOnRelay.serve(yield* BankOnRelay.relay)
      const alice = yield* client(nwc)
      const codes: Array<string> = []
      for (const text of [
        `{"method":"multi_pay_invoice","params":{}}`,
        `{"method":"pay_invoice","params":{}}`,
        `{"method":"pay_invoice","params":{"invoice":"lnbcrt1"}}`,
        `{"method":"lookup_invoice","params":{}}`,
        `{"method":"make_invoice","params":{"amount":0}}`,
        `[]`
      ]) {
        yield* alice.publish(yield* alice.request(yield* alice.encrypt(text)))
        const { outcome } = yield* alice.next("get_balance")
        codes.push(Option.getOrThrow(Result.getFailure(outcome)).code)
      }
      assert.deepEqual(codes, [
        "NOT_IMPLEMENTED",
        "OTHER",
        "PAYMENT_FAILED",
        "OTHER",
        "OTHER",
        "OTHER"
      ])
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )

  it.live("spends no more than there is, however many payments come at once", () =>
    Effect.gen(function* () {
      const bank = yield* Bank.Bank
      const nwc = yield* BankOnRelay.serve(yield* BankOnRelay.relay)
      const alice = yield* BankOnRelay.connect(nwc.alice)
      const price = Msat.make(240_000)
      const invoices = yield* Effect.replicateEffect(
        bank.makeInvoice("bob", { amount: price, description: "", expiry: "1 hour" }),
        10
      )
      const outcomes = yield* Effect.forEach(
        invoices,
        (made) => Effect.result(WalletContract.pay(alice, made)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(outcomes.filter(Result.isSuccess).length, 4)
      assert.deepEqual(
        outcomes.filter(Result.isFailure).map(({ failure }) => failure._tag),
        Array.from({ length: 6 }, () => "PaymentFailed")
      )
      assert.strictEqual(yield* bank.balance("bob"), 4 * price)
      assert.deepEqual((yield* bank.audit).findings, [])
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )

  it.live("lists more transactions than one answer can carry", () =>
    Effect.gen(function* () {
      const bank = yield* Bank.Bank
      const nwc = yield* BankOnRelay.serve(yield* BankOnRelay.relay)
      const { wallet } = yield* BankOnRelay.connect(nwc.bob)
      const made = yield* Effect.replicateEffect(
        bank.makeInvoice("bob", { amount, description: "x".repeat(600), expiry: "1 hour" }),
        60
      )
      const { incoming } = yield* wallet.transactions()
      assert.deepEqual(
        new Set(incoming.map(({ paymentHash }) => paymentHash)),
        new Set(made.map(({ paymentHash }) => paymentHash))
      )
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )
})

describe("a wallet service whose relay does not filter", () => {
  /** A relay that hands these events on and keeps what it is given. */
  const relayOf = Effect.fnUntraced(function* (
    events: (nwc: NwcUri.NwcUri) => Effect.Effect<ReadonlyArray<NostrEvent.NostrEvent>, unknown>
  ) {
    const published = yield* Queue.unbounded<NostrEvent.NostrEvent>()
    const incoming = yield* Queue.unbounded<NostrEvent.NostrEvent>()
    const relay = Relay.Relay.of({
      urls: [],
      connected: Effect.succeed([]),
      difference: () => Effect.succeedNone,
      maxEventBytes: Effect.succeed(48_000),
      query: () => Effect.succeed([]),
      publish: (event) => Effect.as(Queue.offer(published, event), { event, outcomes: [] }),
      subscribe: (_filters, options) =>
        Stream.fromQueue(incoming).pipe(Stream.onStart(options?.onStored ?? Effect.void))
    })
    const { connections } = yield* BankServer.make({
      accounts: ["alice"],
      balance: BankOnRelay.funds,
      relays: ["ws://relay.test"]
    }).pipe(Effect.provideService(Relay.Relay, relay))
    for (const { nwc } of connections) {
      const uri = yield* Effect.fromResult(NwcUri.parse(nwc))
      yield* Queue.offerAll(incoming, yield* events(uri))
    }
    return published
  })

  const signed = Effect.fnUntraced(function* (
    uri: NwcUri.NwcUri,
    wish: Nip47.Request,
    at: number,
    expiresAt: number
  ) {
    const signer = Signer.make(uri.secret)
    const content = yield* signer.encrypt(uri.wallet, Nip47.stringifyRequest(wish))
    return yield* signer.sign(
      Nip47Event.request({ wallet: uri.wallet, content, createdAt: at, expiresAt })
    )
  })

  it.live("acts on no request that has expired or is out of its time, and on one order once", () =>
    Effect.gen(function* () {
      const bank = yield* Bank.Bank
      const now = yield* UnixTime.now
      const order = (description: string): Nip47.Request => ({
        method: "make_invoice",
        params: { amount, description }
      })
      const published = yield* relayOf((uri) =>
        Effect.gen(function* () {
          const good = yield* signed(uri, order("good"), now, now + 60)
          return [
            yield* signed(uri, order("expired"), now - 60, now - 1),
            yield* signed(uri, order("old"), now - 7_200, now + 60),
            yield* signed(uri, order("from the future"), now + 7_200, now + 7_260),
            good,
            good,
            yield* signed(uri, getBalance, now, now + 60)
          ]
        })
      )
      const kinds = Array.from(yield* Queue.takeN(published, 3), ({ kind }) => kind)
      assert.deepEqual(kinds, [
        Nip47Event.infoKind,
        Nip47Event.responseKind,
        Nip47Event.responseKind
      ])
      const { incoming } = yield* bank.transactions("alice")
      const descriptions = incoming.map(({ bolt11 }) =>
        Option.getOrThrow(Result.getOrThrow(Bolt11.decode(bolt11)).description)
      )
      assert.deepEqual(descriptions, ["good"])
    }).pipe(Effect.provide(BankOnRelay.bank()))
  )
})
