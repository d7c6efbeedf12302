import { assert, describe, it } from "@effect/vitest"
import { Option, Result, Schema, Struct } from "effect"
import { Bolt11, Filter, Key, Nip47, Nip47Event, NostrEvent } from "../src/index.ts"

const hash = "0".repeat(63) + "1"
const preimage = "0123456789abcdef".repeat(4)

const key = (digit: string) => Schema.decodeSync(Key.PublicKey)(digit.repeat(64))

const response = <M extends Nip47.Method>(method: M, answer: unknown) =>
  Nip47.parseResponse(method, JSON.stringify(answer))

describe("Requests (NIP-47)", () => {
  it.each([
    { method: "pay_invoice", params: { invoice: "lnbc50n1", amount: 123 } },
    {
      method: "make_invoice",
      params: { amount: 123, description: "string", description_hash: "string", expiry: 213 }
    },
    { method: "lookup_invoice", params: { payment_hash: hash } },
    { method: "lookup_invoice", params: { invoice: "lnbc50n1" } },
    {
      method: "list_transactions",
      params: {
        from: 1693876973,
        until: 1703225078,
        limit: 10,
        offset: 0,
        unpaid: true,
        type: "incoming"
      }
    },
    { method: "get_balance", params: {} },
    { method: "get_info", params: {} },
    {
      method: "make_hold_invoice",
      params: {
        amount: 123,
        description: "string",
        description_hash: "string",
        expiry: 213,
        payment_hash: hash,
        min_cltv_expiry_delta: 144
      }
    },
    { method: "cancel_hold_invoice", params: { payment_hash: hash } },
    { method: "settle_hold_invoice", params: { preimage } }
  ])("$method is read as published, and written back the same", (published) => {
    const request = Result.getOrThrow(Nip47.parseRequest(JSON.stringify(published)))
    assert.deepStrictEqual<unknown>(request, published)
    assert.deepStrictEqual(JSON.parse(Nip47.stringifyRequest(request)), published)
  })

  it("null means missing, and unknown parameters are left out", () => {
    assert.deepStrictEqual<unknown>(
      Nip47.parseRequest(
        '{"method":"pay_invoice","params":{"invoice":"lnbc1","amount":null,"metadata":{}},"id":3}'
      ),
      Result.succeed({ method: "pay_invoice", params: { invoice: "lnbc1" } })
    )
  })

  it.each([
    ["no JSON", "pay me", "OTHER"],
    ["no method", "{}", "OTHER"],
    ["a method that nobody knows", '{"method":"pay_keysend","params":{}}', "NOT_IMPLEMENTED"],
    ["a method named like a property", '{"method":"constructor","params":{}}', "NOT_IMPLEMENTED"],
    ["missing parameters", '{"method":"pay_invoice","params":{}}', "OTHER"],
    ["no parameters", '{"method":"get_balance"}', "OTHER"],
    ["a negative amount", '{"method":"make_invoice","params":{"amount":-1}}', "OTHER"]
  ])("%s is answered with a refusal", (_, content, code) => {
    assert.deepStrictEqual(
      Result.mapError(Nip47.parseRequest(content), (refusal) => refusal.code),
      Result.fail(code)
    )
  })

  it.prop(
    "survive the wire",
    [Nip47.Request],
    ([request]) => {
      const written = Nip47.stringifyRequest(request)
      assert.strictEqual(
        Nip47.stringifyRequest(Result.getOrThrow(Nip47.parseRequest(written))),
        written
      )
    },
    { arbitrary: { runs: 100 } }
  )
})

describe("Responses (NIP-47)", () => {
  it("a payment has a preimage and a fee", () => {
    assert.deepStrictEqual<unknown>(
      response("pay_invoice", {
        result_type: "pay_invoice",
        error: null,
        result: { preimage, fees_paid: 123 }
      }),
      Option.some(Result.succeed({ preimage, fees_paid: 123 }))
    )
  })

  it.each([
    ["null", { preimage: null, fees_paid: null }],
    ["empty", { preimage: "" }],
    ["missing", {}]
  ])("a preimage and a fee that are %s are missing", (_, result) => {
    assert.deepStrictEqual<unknown>(
      response("pay_invoice", { result_type: "pay_invoice", result }),
      Option.some(Result.succeed({}))
    )
  })

  it("an invoice is read with what some wallets leave out or spell otherwise", () => {
    const published = {
      type: "incoming",
      state: "SETTLED",
      invoice: "",
      description: null,
      description_hash: "",
      preimage: "",
      payment_hash: hash,
      amount: 123,
      fees_paid: 0,
      created_at: 1693876973,
      expires_at: null,
      settled_at: null,
      metadata: { comment: "hi" },
      settle_deadline: 800_000,
      extra: true
    }
    assert.deepStrictEqual<unknown>(
      response("lookup_invoice", { result_type: "lookup_invoice", result: published }),
      Option.some(
        Result.succeed({
          type: "incoming",
          state: "settled",
          description_hash: "",
          payment_hash: hash,
          amount: 123,
          fees_paid: 0,
          created_at: 1693876973,
          metadata: { comment: "hi" },
          settle_deadline: 800_000
        })
      )
    )
  })

  it("a state that nobody knows says nothing", () => {
    assert.deepStrictEqual<unknown>(
      response("lookup_invoice", {
        result_type: "lookup_invoice",
        result: { payment_hash: hash, amount: 1, state: "thinking" }
      }),
      Option.some(Result.succeed({ payment_hash: hash, amount: 1 }))
    )
  })

  it("a refusal carries the wallet's own code", () => {
    for (const code of [...Nip47.ErrorCode.literals, "SOMETHING_NEW"])
      assert.deepStrictEqual<unknown>(
        response("pay_invoice", { result_type: "pay_invoice", error: { code, message: "no" } }),
        Option.some(Result.fail({ code, message: "no" }))
      )
    assert.strictEqual(Nip47.errorCode("NOT_FOUND"), "NOT_FOUND")
    assert.strictEqual(Nip47.errorCode("SOMETHING_NEW"), "OTHER")
  })

  it("a refusal counts even beside a result, and without words", () => {
    assert.deepStrictEqual<unknown>(
      response("pay_invoice", { error: { code: "INTERNAL", message: null }, result: { preimage } }),
      Option.some(Result.fail({ code: "INTERNAL", message: "" }))
    )
  })

  it("success that says nothing more needs no result", () => {
    for (const method of ["cancel_hold_invoice", "settle_hold_invoice"] as const)
      assert.deepStrictEqual<unknown>(
        response(method, { result_type: method, error: null, result: null }),
        Option.some(Result.succeed({}))
      )
  })

  it.each<[string, unknown]>([
    ["nothing", {}],
    ["no result", { result_type: "pay_invoice", error: null, result: null }],
    ["the answer to another method", { result_type: "get_balance", result: { preimage } }],
    ["a preimage that is none", { result_type: "pay_invoice", result: { preimage: "abc" } }],
    ["a negative fee", { result_type: "pay_invoice", result: { preimage, fees_paid: -1 } }],
    ["a list", []],
    ["an error that is none", { result_type: "pay_invoice", error: "oops", result: { preimage } }]
  ])("%s is no answer to a payment", (_, answer) => {
    assert.deepStrictEqual(response("pay_invoice", answer), Option.none())
  })

  it("both outcomes have the published shape", () => {
    assert.deepStrictEqual(
      JSON.parse(
        Nip47.stringifyResponse(
          "pay_invoice",
          Result.succeed({ preimage: Schema.decodeSync(Bolt11.Preimage)(preimage) })
        )
      ),
      { result_type: "pay_invoice", error: null, result: { preimage } }
    )
    assert.deepStrictEqual(
      JSON.parse(
        Nip47.stringifyResponse("get_balance", Result.fail({ code: "RESTRICTED", message: "no" }))
      ),
      { result_type: "get_balance", error: { code: "RESTRICTED", message: "no" }, result: null }
    )
  })

  it.prop(
    "transactions survive the wire",
    [Schema.Array(Nip47.Transaction.mapFields(Struct.omit(["metadata"])))],
    ([transactions]) => {
      const written = Nip47.stringifyResponse("list_transactions", Result.succeed({ transactions }))
      assert.deepStrictEqual<unknown>(
        Nip47.parseResponse("list_transactions", written),
        Option.some(Result.succeed({ transactions }))
      )
    },
    { arbitrary: { runs: 100 } }
  )
})

describe("Notifications (NIP-47)", () => {
  it.each(["payment_received", "payment_sent", "hold_invoice_accepted"])("%s", (type) => {
    const published = {
      notification_type: type,
      notification: { type: "incoming", payment_hash: hash, amount: 123, created_at: 1 }
    }
    const notification = Option.getOrThrow(Nip47.parseNotification(JSON.stringify(published)))
    assert.deepStrictEqual<unknown>(notification, published)
    assert.deepStrictEqual(JSON.parse(Nip47.stringifyNotification(notification)), published)
  })

  it("of a type that nobody knows are skipped", () => {
    assert.deepStrictEqual(
      Nip47.parseNotification('{"notification_type":"rain","notification":{}}'),
      Option.none()
    )
  })
})

describe("The events that carry them", () => {
  const [wallet, client] = [key("1"), key("2")]
  const requestId = Schema.decodeSync(NostrEvent.EventId)("a".repeat(64))

  const signed = (template: NostrEvent.Template, pubkey: Key.PublicKey): NostrEvent.NostrEvent => ({
    ...template,
    id: requestId,
    pubkey,
    sig: Schema.decodeSync(NostrEvent.Signature)("0".repeat(128))
  })

  it("a service tells what it can do", () => {
    const capabilities = {
      methods: ["pay_invoice", "get_balance"],
      notifications: ["payment_received", "payment_sent"],
      encryptions: ["nip44_v2"]
    }
    const template = Nip47Event.info(capabilities, 5)
    assert.deepStrictEqual(template, {
      kind: 13_194,
      created_at: 5,
      tags: [
        ["encryption", "nip44_v2"],
        ["notifications", "payment_received payment_sent"]
      ],
      content: "pay_invoice get_balance"
    })
    assert.deepStrictEqual(Nip47Event.capabilitiesOf(signed(template, wallet)), capabilities)
  })

  it("a service that names no encryption knows only NIP-04", () => {
    const event = signed({ kind: 13_194, created_at: 5, tags: [], content: " a  b\n" }, wallet)
    assert.deepStrictEqual(Nip47Event.capabilitiesOf(event), {
      methods: ["a", "b"],
      notifications: [],
      encryptions: ["nip04"]
    })
  })

  it("a request expires, and reaches the wallet's subscription", () => {
    const template = Nip47Event.request({ wallet, content: "…", createdAt: 5, expiresAt: 65 })
    assert.deepStrictEqual(template.tags, [
      ["p", wallet],
      ["encryption", "nip44_v2"],
      ["expiration", "65"]
    ])
    const event = signed(template, client)
    assert.isTrue(Filter.matches(Nip47Event.walletFilter({ wallet }), event))
    assert.isTrue(Filter.matches(Nip47Event.walletFilter({ wallet, clients: [client] }), event))
    assert.isFalse(Filter.matches(Nip47Event.walletFilter({ wallet, clients: [wallet] }), event))
  })

  it("responses and notifications reach the client, and only from its wallet", () => {
    const filter = Nip47Event.clientFilter({ wallet, client })
    const answer = Nip47Event.response({ client, request: requestId, content: "…", createdAt: 5 })
    const told = Nip47Event.notification({ client, content: "…", createdAt: 5 })
    assert.isTrue(Filter.matches(filter, signed(answer, wallet)))
    assert.isTrue(Filter.matches(filter, signed(told, wallet)))
    assert.isFalse(Filter.matches(filter, signed(answer, client)))

    const expected = { wallet, request: requestId }
    assert.isTrue(Nip47Event.isResponseTo(signed(answer, wallet), expected))
    assert.isFalse(Nip47Event.isResponseTo(signed(answer, client), expected))
    assert.isFalse(Nip47Event.isResponseTo(signed(told, wallet), expected))
  })
})
