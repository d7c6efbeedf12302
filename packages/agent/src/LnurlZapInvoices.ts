/**
 * Zap invoices over HTTP, as NIP-57 says: the address leads to a pay request (LUD-16), and its
 * callback to the invoice (LUD-06). Both are dialled only at public https hosts; what comes back is
 * small, comes soon, and is what was asked for, or it is no invoice.
 */
import { Bolt11, Key, Msat, Text } from "@farthing/protocol"
import { type Duration, Effect, Layer, Option, Schema, Stream } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import { hash } from "node:crypto"
import { type Shape, ZapInvoices, ZapUnavailable, type ZapWish } from "./ZapInvoices.ts"

export interface Options {
  /** For each of the two questions; default 10 seconds. */
  readonly timeout?: Duration.Input
  /** Which hosts may be asked, by their URL; default: public ones, over https. */
  readonly isAllowed?: (url: URL) => boolean
}

const PayRequest = Schema.Struct({
  callback: Schema.String,
  minSendable: Msat.Msat,
  maxSendable: Msat.Msat,
  allowsNostr: Schema.Literal(true),
  nostrPubkey: Key.PublicKey
})

const Answer = Schema.Struct({ pr: Schema.String })

const largestAnswer = 64 * 1024

export const make = ({ isAllowed = isPublic, timeout = "10 seconds" }: Options = {}) =>
  Effect.map(HttpClient.HttpClient, (client): Shape => {
    const ask = <A>(url: URL, schema: Schema.Decoder<A>): Effect.Effect<A, ZapUnavailable> =>
      !isAllowed(url)
        ? unavailable(`${Text.printable(url.host, 100)} is no host that may be asked`)
        : client.get(url).pipe(
            Effect.flatMap(({ status, stream }) =>
              status === 200 ? textOf(stream) : unavailable(`it answered with ${status}`)
            ),
            Effect.flatMap(Schema.decodeUnknownEffect(Schema.fromJsonString(schema))),
            Effect.timeout(timeout),
            Effect.provideService(FetchHttpClient.RequestInit, { redirect: "error" }),
            Effect.catchIf(
              (error) => error._tag !== "ZapUnavailable",
              ({ _tag }) =>
                unavailable(`the wallet service gives no answer that can be used (${_tag})`)
            )
          )

    return {
      fetch: Effect.fn("ZapInvoices.fetch")(function* (wish: ZapWish) {
        const payRequest = yield* ask(yield* addressOf(wish.lud16), PayRequest)
        if (wish.amount < payRequest.minSendable || wish.amount > payRequest.maxSendable)
          return yield* unavailable(
            `it takes ${payRequest.minSendable} to ${payRequest.maxSendable} msat`
          )
        const callback = yield* urlOf(payRequest.callback)
        callback.searchParams.set("amount", String(wish.amount))
        callback.searchParams.set("nostr", JSON.stringify(wish.request))
        const { pr } = yield* ask(callback, Answer)
        return yield* checked(pr, wish)
      })
    }
  })

export const layer = (options?: Options): Layer.Layer<ZapInvoices, never, HttpClient.HttpClient> =>
  Layer.effect(ZapInvoices, make(options))

/** The invoice names the amount, and commits to the request (NIP-57, appendix D). */
export const checked = Effect.fnUntraced(function* (bolt11: string, wish: ZapWish) {
  const invoice = yield* Effect.mapError(
    Effect.fromResult(Bolt11.decode(bolt11)),
    () => new ZapUnavailable({ message: "What came is no invoice that can be read." })
  )
  if (Option.getOrUndefined(invoice.amount) !== wish.amount)
    return yield* unavailable("the invoice is over another amount")
  const commitment = hash("sha256", JSON.stringify(wish.request))
  if (Option.getOrUndefined(invoice.descriptionHash) !== commitment)
    return yield* unavailable("the invoice is for something else")
  return invoice.bolt11
})

/** LUD-16: `https://<host>/.well-known/lnurlp/<name>`. */
const addressOf = (lud16: string) => {
  const [, name, host] = /^([a-z0-9._+-]{1,64})@([a-z0-9.-]{1,253}(?::\d{1,5})?)$/.exec(lud16) ?? []
  return name === undefined
    ? unavailable("the recipient has no Lightning address")
    : urlOf(`https://${host}/.well-known/lnurlp/${name}`)
}

const urlOf = (text: string) =>
  URL.canParse(text)
    ? Effect.succeed(new URL(text))
    : unavailable("its wallet service names no address that can be asked")

/** A name in the public DNS; no address in figures, and nothing of this machine or its network. */
export const isPublic = ({ hostname, protocol, username }: URL): boolean =>
  protocol === "https:" &&
  username === "" &&
  /^(?!.*\.(?:local|localhost|internal|home|lan|arpa|onion)$)(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]+$/.test(
    hostname
  )

const textOf = <E>(stream: Stream.Stream<Uint8Array, E>) =>
  Stream.runFoldEffect(
    stream,
    () => Buffer.alloc(0),
    (read, bytes) =>
      read.length + bytes.length > largestAnswer
        ? unavailable("its answer is too long")
        : Effect.succeed(Buffer.concat([read, bytes]))
  ).pipe(Effect.map(String))

const unavailable = (why: string) =>
  Effect.fail(new ZapUnavailable({ message: `There is no invoice for the zap: ${why}.` }))
