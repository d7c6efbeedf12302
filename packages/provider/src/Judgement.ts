/**
 * What becomes of a message in the provider's channel: a request to quote, one to refuse, or
 * something that is not for us. Pure: nothing here depends on money or load.
 */
import {
  AgentMessage,
  Channel,
  Key,
  type Msat,
  type NostrEvent,
  Settlement
} from "@farthing/protocol"
import { Option, Schema } from "effect"
import type { Request } from "./Job.ts"
import * as Mode from "./Mode.ts"

export interface Terms {
  readonly provider: Key.PublicKey
  readonly channel: NostrEvent.EventId
  readonly priceOf: (model: string) => Msat.Msat
  /** What can be inferred now, the default model first. */
  readonly models: ReadonlyArray<string>
  readonly ways: ReadonlyArray<Settlement.Way>
  readonly maxPromptBytes: number
  /** Unix seconds. */
  readonly now: number
  /** Seconds. */
  readonly requestAge: number
}

export interface Refusal {
  readonly code: AgentMessage.JobErrorCode
  readonly message: string
}

export type Judgement =
  | { readonly _tag: "Request"; readonly request: Request }
  | {
      readonly _tag: "Refuse"
      readonly request: Pick<Request, "id" | "customer" | "receivedAt">
      readonly refusal: Refusal
    }
  /** Somebody says to have paid, or locked the money; who is for the book to find. */
  | {
      readonly _tag: "Hint"
      readonly message: AgentMessage.PaymentSent | AgentMessage.HtlcLocked
    }
  /** Somebody wants no answer any more. */
  | { readonly _tag: "Cancel"; readonly message: AgentMessage.JobCancel }
  /** Somebody asks money back. */
  | { readonly _tag: "Claim"; readonly message: AgentMessage.RefundInvoice }
  /** Somebody shows the preimage of an escrow, or says something for our eyes only. */
  | {
      readonly _tag: "Release"
      readonly message: AgentMessage.PreimageRelease | AgentMessage.Private
    }
  | { readonly _tag: "Ignore" }

const ignore: Judgement = { _tag: "Ignore" }

/** How far (in seconds) a customer's clock may be ahead of ours. */
export const clockAhead = 600

export const judge = (event: NostrEvent.NostrEvent, terms: Terms): Judgement => {
  if (event.pubkey === terms.provider || event.created_at > terms.now + clockAhead) return ignore
  if (!Option.contains(Channel.channelOf(event), terms.channel)) return ignore
  return Option.match(AgentMessage.parse(event.content), {
    onNone: () => (isRecent(event, terms) ? judgeUnreadable(event, terms) : ignore),
    onSome: (message): Judgement => {
      // What is owed is asked for as long as it is on offer, and what is released is ours as long
      // as it is locked, however long ago that was said.
      if (message.type === "RefundInvoice") return { _tag: "Claim", message }
      if (message.type === "PreimageRelease" || message.type === "Private")
        return { _tag: "Release", message }
      if (!isRecent(event, terms)) return ignore
      switch (message.type) {
        case "JobRequest":
          return judgeRequest(event, message, terms)
        case "PaymentSent":
        case "HtlcLocked":
          return { _tag: "Hint", message }
        case "JobCancel":
          return { _tag: "Cancel", message }
        default:
          return ignore
      }
    }
  })
}

const isRecent = (event: NostrEvent.NostrEvent, terms: Terms): boolean =>
  event.created_at >= terms.now - terms.requestAge

const judgeRequest = (
  event: NostrEvent.NostrEvent,
  message: AgentMessage.JobRequest,
  terms: Terms
): Judgement => {
  if (message.target_provider !== undefined && message.target_provider !== terms.provider)
    return ignore
  if (message.expires_at !== undefined && message.expires_at <= terms.now) return ignore
  const request = { id: event.id, customer: event.pubkey, receivedAt: terms.now }
  const model = message.model ?? terms.models[0]
  const way = Mode.choose(message, terms.ways)
  const refusal = refusalOf(message, { model, way }, terms)
  if (refusal !== undefined || model === undefined || way === undefined)
    return { _tag: "Refuse", request, refusal: refusal ?? nothingWorks }
  const settlement = Settlement.modeOf(way)
  const rail = Settlement.railOf(way)
  return { _tag: "Request", request: { ...request, message, model, settlement, rail } }
}

const nothingWorks: Refusal = {
  code: "over_capacity",
  message: "no model is available now; try again later"
}

const refusalOf = (
  message: AgentMessage.JobRequest,
  { model, way }: { readonly model: string | undefined; readonly way: Settlement.Way | undefined },
  terms: Terms
): Refusal | undefined => {
  if (message.kind !== AgentMessage.textGeneration)
    return { code: "invalid_request", message: `only kind ${AgentMessage.textGeneration} is sold` }
  if (message.max_tokens === 0)
    return { code: "invalid_request", message: "max_tokens has to be 1 at least" }
  if (way === undefined)
    return {
      code: "settlement_unsupported",
      message: `settlements taken: ${terms.ways.map(Settlement.inWords).join(", ")}`
    }
  if (Settlement.modeOf(way) === "escrow" && message.payment_hash === undefined)
    return { code: "invalid_request", message: "an escrow needs the payment_hash of its customer" }
  if (model === undefined || terms.models.length === 0) return nothingWorks
  if (!terms.models.includes(model))
    return { code: "model_unavailable", message: `on offer: ${terms.models.join(", ")}` }
  const price = terms.priceOf(model)
  if (message.max_price_msats !== undefined && message.max_price_msats < price)
    return { code: "price_above_bid", message: `the price is ${price} msats` }
  if (Buffer.byteLength(message.prompt) > terms.maxPromptBytes)
    return { code: "prompt_too_long", message: `at most ${terms.maxPromptBytes} bytes are taken` }
  return undefined
}

/** A request that cannot be read is answered, if it is clear that it is one and meant for us. */
const judgeUnreadable = (event: NostrEvent.NostrEvent, terms: Terms): Judgement =>
  Option.match(decodeIntent(event.content), {
    onNone: () => ignore,
    onSome: (intent): Judgement =>
      intent.target_provider !== undefined && intent.target_provider !== terms.provider
        ? ignore
        : {
            _tag: "Refuse",
            request: { id: event.id, customer: event.pubkey, receivedAt: terms.now },
            refusal: { code: "invalid_request", message: "the request cannot be understood" }
          }
  })

const decodeIntent = Schema.decodeUnknownOption(
  Schema.fromJsonString(
    Schema.Struct({
      type: Schema.Literal("JobRequest"),
      target_provider: Schema.optionalKey(Schema.Unknown)
    })
  )
)
