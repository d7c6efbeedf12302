/**
 * The channel in which customers and a provider speak of jobs: NIP-28 public chat, kind 40 to
 * open it and kind 42 for every message.
 */
import { Option, Schema } from "effect"
import * as AgentMessage from "./AgentMessage.ts"
import type { Filter } from "./Filter.ts"
import * as Hex from "./Hex.ts"
import type * as Key from "./Key.ts"
import * as NostrEvent from "./NostrEvent.ts"
import * as TraceContext from "./TraceContext.ts"

export const creationKind = 40

export const messageKind = 42

/** What a channel says of itself (the content of its kind-40 event). */
export const Metadata = Schema.Struct({
  name: Schema.String,
  about: Schema.String,
  picture: Schema.String,
  relays: Schema.Array(Schema.String)
})
export interface Metadata extends Schema.Schema.Type<typeof Metadata> {}

/** Sixteen random hex digits that tell equal messages of one second apart. */
export const Salt = Hex.ofBytes(8).pipe(Schema.brand("Salt"))
export type Salt = typeof Salt.Type

/** A message and where it belongs. */
export interface Post {
  readonly channel: NostrEvent.EventId
  /** Where the channel is found; may be empty. */
  readonly relay: string
  readonly message: AgentMessage.AgentMessage
  /** The event this one answers or follows up on, and whom it is meant for. */
  readonly reply?: { readonly to: NostrEvent.EventId; readonly author: Key.PublicKey }
  readonly salt: Salt
  /** The trace that a request belongs to, where that is to be said. */
  readonly trace?: TraceContext.TraceContext
  /** Unix seconds. */
  readonly createdAt: number
}

/** Opens a channel; the id of the event is the channel's name from then on. */
export const creation = (metadata: Metadata, createdAt: number): NostrEvent.Template => ({
  kind: creationKind,
  created_at: createdAt,
  tags: [],
  content: JSON.stringify({
    name: metadata.name,
    about: metadata.about,
    picture: metadata.picture,
    relays: metadata.relays
  })
})

export const message = (post: Post): NostrEvent.Template => ({
  kind: messageKind,
  created_at: post.createdAt,
  tags: [
    ["e", post.channel, post.relay, "root"],
    ...(post.reply === undefined
      ? []
      : [
          ["e", post.reply.to, post.relay, "reply"],
          ["p", post.reply.author]
        ]),
    ["salt", post.salt],
    ...(post.trace === undefined ? [] : [TraceContext.toTag(post.trace)])
  ],
  content: AgentMessage.stringify(post.message)
})

/** What a provider subscribes to: everything in its channel. */
export const providerFilter = (
  channel: NostrEvent.EventId,
  options?: { readonly since?: number }
): Filter => ({ kinds: [messageKind], "#e": [channel], ...options })

/**
 * What a customer subscribes to: what the provider says in its channel; with `customer` only
 * what it says to them, where its announcement shows that it tags its answers.
 */
export const customerFilter = (options: {
  readonly channel: NostrEvent.EventId
  readonly provider: Key.PublicKey
  readonly customer?: Key.PublicKey
  readonly since?: number
}): Filter => ({
  kinds: [messageKind],
  authors: [options.provider],
  "#e": [options.channel],
  ...(options.customer === undefined ? {} : { "#p": [options.customer] }),
  ...(options.since === undefined ? {} : { since: options.since })
})

const markedAs =
  (marker: "root" | "reply") =>
  (event: { readonly tags: NostrEvent.Tags }): ReadonlyArray<string> =>
    event.tags.flatMap((tag) =>
      tag[0] === "e" && tag[3] === marker && tag[1] !== undefined ? [tag[1]] : []
    )

const only = (ids: ReadonlyArray<string>): Option.Option<NostrEvent.EventId> => {
  const distinct = new Set(ids)
  return distinct.size === 1
    ? Option.liftPredicate(Schema.is(NostrEvent.EventId))(ids[0])
    : Option.none()
}

const roots = markedAs("root")

const replies = markedAs("reply")

/** The channel of a message; none if it names none, or several. */
export const channelOf = (event: { readonly tags: NostrEvent.Tags }) => only(roots(event))

/** The event that a message answers; none if it names none, or several. */
export const replyOf = (event: { readonly tags: NostrEvent.Tags }) => only(replies(event))

const ownJobId = /^job_[0-9a-f]{16}$/

/**
 * Whether everything a message refers to is the request. A job id that is not made from a
 * request's id (legacy programs) says nothing by itself: the reply tag has to stand beside it.
 */
const refersTo = (
  event: NostrEvent.NostrEvent,
  message: AgentMessage.AgentMessage,
  requestId: NostrEvent.EventId
): boolean => {
  const tagged = replies(event)
  if (tagged.some((id) => id !== requestId)) return false
  const named = "request_id" in message ? message.request_id : undefined
  if (named !== undefined && named !== requestId) return false
  const jobId = "job_id" in message ? message.job_id : undefined
  if (jobId === AgentMessage.jobIdOf(requestId)) return true
  if (jobId !== undefined && ownJobId.test(jobId)) return false
  return tagged.length > 0 || (named !== undefined && jobId === undefined)
}

/** Whether a message is the provider's answer to this request. */
export const isAnswerTo = (
  event: NostrEvent.NostrEvent,
  message: AgentMessage.AgentMessage,
  expected: { readonly provider: Key.PublicKey; readonly requestId: NostrEvent.EventId }
): boolean =>
  event.pubkey === expected.provider &&
  AgentMessage.isAnswer(message) &&
  refersTo(event, message, expected.requestId)

/** Whether a message follows up on this request and comes from the customer who made it. */
export const isFollowUpTo = (
  event: NostrEvent.NostrEvent,
  message: AgentMessage.AgentMessage,
  expected: { readonly customer: Key.PublicKey; readonly requestId: NostrEvent.EventId }
): boolean =>
  event.pubkey === expected.customer &&
  AgentMessage.isFollowUp(message) &&
  refersTo(event, message, expected.requestId)
