import { assert, describe, it } from "@effect/vitest"
import { Bolt11, Key, Msat, Sat } from "@farthing/protocol"
import { Signer } from "@farthing/relay"
import { Effect, Layer, Option } from "effect"
import { FetchHttpClient } from "effect/http"
import { randomBytes } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as LnurlZapInvoices from "../src/LnurlZapInvoices.ts"
import { ZapInvoices } from "../src/ZapInvoices.ts"

const amount = Sat.toMsat(Sat.make(21))
const payee = Key.publicKeyOf(Key.generate())

/** An invoice as a wallet service makes it, over a text and an amount. */
const invoiceOver = (text: string, amount: Msat.Msat): string =>
  Bolt11.encode(
    {
      network: "regtest",
      amount: Option.some(amount),
      createdAt: 1_700_000_000,
      expirySeconds: 3_600,
      paymentHash: Bolt11.hashOf(Bolt11.Preimage.make("07".repeat(32))),
      paymentSecret: "08".repeat(32),
      // Beyond 639 bytes an invoice carries the hash alone, as for a zap.
      description: text,
      minFinalCltvDelta: 18
    },
    randomBytes(32)
  )

/** A wallet service on this machine, which answers by the path. */
const serving = Effect.fnUntraced(function* (
  answer: (url: URL, origin: string) => { readonly status?: number; readonly body: unknown }
) {
  const server = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((request, response) => {
        const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
        const { body, status = 200 } = answer(new URL(request.url ?? "/", origin), origin)
        response.writeHead(status, status === 302 ? { location: `${origin}/elsewhere` } : {})
        response.end(typeof body === "string" ? body : JSON.stringify(body))
      }).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

const payRequest = (origin: string) => ({
  callback: `${origin}/callback`,
  minSendable: 1_000,
  maxSendable: 1_000_000_000,
  allowsNostr: true,
  nostrPubkey: payee
})

/** Asks the service for a zap's invoice; its address leads to this machine. */
const fetched = (answer: Parameters<typeof serving>[0], options: LnurlZapInvoices.Options = {}) =>
  Effect.gen(function* () {
    const origin = yield* serving(answer)
    const toHere: typeof globalThis.fetch = (input, init) => {
      const url = new URL(String(input))
      return globalThis.fetch(`${origin}${url.pathname}${url.search}`, init)
    }
    const request = yield* Signer.make(Key.generate()).sign({
      kind: 9734,
      tags: [
        ["p", payee],
        ["relays", `wss://${"relay.".repeat(100)}example.com`]
      ],
      content: ""
    })
    return yield* Effect.flatMap(ZapInvoices, ({ fetch }) =>
      fetch({ lud16: "bob@wallet.example.com", amount, request })
    ).pipe(
      Effect.provide(
        LnurlZapInvoices.layer({ isAllowed: () => true, timeout: "2 seconds", ...options }).pipe(
          Layer.provide(FetchHttpClient.layer),
          Layer.provide(Layer.succeed(FetchHttpClient.Fetch)(toHere))
        )
      )
    )
  }).pipe(Effect.scoped)

describe("an invoice for a zap", () => {
  const faults: ReadonlyArray<readonly [string, Parameters<typeof serving>[0], string]> = [
    ["another amount", dealing((text) => invoiceOver(text, Msat.make(1))), "another amount"],
    [
      "another request",
      dealing((text) => invoiceOver(text.replace("9734", "9735"), amount)),
      "something else"
    ],
    ["no invoice at all", dealing(() => "lnbcrt1"), "no invoice"],
    ["a redirection", () => ({ status: 302, body: "" }), "no answer"],
    ["an error", () => ({ status: 500, body: "" }), "500"],
    ["no JSON", () => ({ body: "<html>" }), "no answer"],
    ["endless words", () => ({ body: "x".repeat(100_000) }), "too long"],
    [
      "no Nostr",
      (_, origin) => ({ body: { ...payRequest(origin), allowsNostr: false } }),
      "no answer"
    ],
    [
      "too little",
      (_, origin) => ({ body: { ...payRequest(origin), minSendable: 1e9 } }),
      "it takes"
    ]
  ]
  it.live.each(faults)("is none where the service gives %s", ([, answer, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(fetched(answer))
      assert.strictEqual(error._tag, "ZapUnavailable")
      assert.include(error.message, message)
    })
  )

  it.live("is over the amount, and commits to the request", () =>
    Effect.gen(function* () {
      const bolt11 = yield* fetched(dealing((text) => invoiceOver(text, amount)))
      const invoice = yield* Effect.fromResult(Bolt11.decode(bolt11))
      assert.deepStrictEqual(invoice.amount, Option.some(amount))
    })
  )

  it.live("is asked of no host of this machine or its network", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        fetched((_, origin) => ({ body: payRequest(origin) }), {
          isAllowed: LnurlZapInvoices.isPublic
        })
      )
      assert.include(error.message, "127.0.0.1")
    })
  )

  it("is asked of public names over https alone", () => {
    const isPublic = (url: string) => LnurlZapInvoices.isPublic(new URL(url))
    assert.isTrue(isPublic("https://wallet.example.com/x"))
    for (const url of [
      "http://wallet.example.com",
      "https://localhost",
      "https://router.lan",
      "https://10.0.0.1",
      "https://2130706433",
      "https://[::1]",
      "https://user@wallet.example.com",
      "https://printer.local"
    ])
      assert.isFalse(isPublic(url), url)
  })
})

/** A service that makes invoices over the request that it is given. */
function dealing(invoice: (text: string) => string): Parameters<typeof serving>[0] {
  return (url, origin) =>
    url.pathname === "/callback"
      ? { body: { pr: invoice(url.searchParams.get("nostr") ?? "") } }
      : { body: payRequest(origin) }
}
