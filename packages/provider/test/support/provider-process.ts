/**
 * A provider in a process of its own, which stands still at a moment: of a refund, with a backend
 * that always fails, or of a claim, with one that never does: `node provider-process.ts <folder> <relay> <secret> <moment>`.
 */
import { Effect, Redacted } from "effect"
import * as Market from "./Market.ts"
import * as Town from "./Town.ts"

const [folder = "", relay = "", secret = "", moment = ""] = process.argv.slice(2)

const say = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))

/** Until it is killed. */
const standStill = Effect.andThen(say(moment), Effect.never)

const afterwards = <A, E>(effect: Effect.Effect<A, E>) => Effect.andThen(effect, standStill)

const moments: Readonly<Record<string, ReturnType<typeof Market.withBook>>> = {
  owed: Market.withBook((book) => ({ ...book, owed: (...debt) => afterwards(book.owed(...debt)) })),
  claimed: Market.withBook((book) => ({
    ...book,
    claimed: (...claim) => afterwards(book.claimed(...claim))
  })),
  submitted: Market.withPayer((payer) => ({ ...payer, pay: () => standStill })),
  paid: Market.withPayer((payer) => ({
    ...payer,
    pay: (request) => afterwards(payer.pay(request))
  })),
  settled: Market.withBook((book) => ({ ...book, refunded: () => standStill }))
}

const claims: typeof moments = {
  claiming: Market.withWallet((wallet) => ({ ...wallet, settleHoldInvoice: () => standStill })),
  taken: Market.withWallet((wallet) => ({
    ...wallet,
    settleHoldInvoice: (preimage) => afterwards(wallet.settleHoldInvoice(preimage))
  }))
}

const stopsAt = moments[moment] ?? claims[moment]
const play = moment in claims ? Market.echo : Market.fails("refused")

const provider = Market.start(Redacted.make(secret), [play], {
  lease: "1 second",
  settlement: Market.settlement
})

await Effect.gen(function* () {
  const seller = yield* stopsAt?.(provider) ?? provider
  yield* say(seller.channel)
  return yield* Effect.never
}).pipe(Town.livingIn({ folder, relay }), Effect.runPromise)
