import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { AgentMessage, Channel, Filter, Key, NostrEvent } from "../src/index.ts"

const eventId = (digit: string) => Schema.decodeSync(NostrEvent.EventId)(digit.repeat(64))
const publicKey = (digit: string) => Schema.decodeSync(Key.PublicKey)(digit.repeat(64))

const channel = eventId("c")
const requestId = eventId("a")
const otherRequest = eventId("b")
const provider = publicKey("1")
const customer = publicKey("2")
const stranger = publicKey("3")
const relay = "wss://relay.example.com"
const salt = Schema.decodeSync(Channel.Salt)("0123456789abcdef")
const createdAt = 1_800_000_000
const jobId = AgentMessage.jobIdOf(requestId)

const result = (fields: Partial<AgentMessage.JobResult> = {}): AgentMessage.JobResult => ({
  type: "JobResult",
  job_id: jobId,
  result: "done",
  ...fields
})

const reply = (to: NostrEvent.EventId) => ["e", to, relay, "reply"]

const event = (pubkey: Key.PublicKey, ...tags: NostrEvent.Tags): NostrEvent.NostrEvent => ({
  id: eventId("f"),
  sig: Schema.decodeSync(NostrEvent.Signature)("0".repeat(128)),
  pubkey,
  kind: Channel.messageKind,
  created_at: createdAt,
  tags: [["e", channel, relay, "root"], ...tags],
  content: ""
})

const answers = (
  message: AgentMessage.AgentMessage,
  pubkey: Key.PublicKey,
  ...tags: NostrEvent.Tags
) => Channel.isAnswerTo(event(pubkey, ...tags), message, { provider, requestId })

const followsUp = (
  message: AgentMessage.AgentMessage,
  pubkey: Key.PublicKey,
  ...tags: NostrEvent.Tags
) => Channel.isFollowUpTo(event(pubkey, ...tags), message, { customer, requestId })

describe("A channel (NIP-28)", () => {
  it("is opened by an event that says what it is", () => {
    const metadata = { name: "Ada", about: "inference", picture: "", relays: [relay] }
    assert.deepStrictEqual(Channel.creation(metadata, createdAt), {
      kind: 40,
      created_at: createdAt,
      tags: [],
      content: JSON.stringify(metadata)
    })
  })

  it("a request names the channel as root, and its salt", () => {
    const message: AgentMessage.AgentMessage = {
      type: "JobRequest",
      kind: 5050,
      prompt: "hi",
      max_tokens: 5
    }
    const template = Channel.message({ channel, relay, salt, createdAt, message })
    assert.deepStrictEqual(template, {
      kind: 42,
      created_at: createdAt,
      tags: [
        ["e", channel, relay, "root"],
        ["salt", salt]
      ],
      content: JSON.stringify(message)
    })
    assert.deepStrictEqual(Channel.channelOf(template), Option.some(channel))
    assert.deepStrictEqual(Channel.replyOf(template), Option.none())
  })

  it("an answer adds the request and the customer", () => {
    const template = Channel.message({
      channel,
      relay,
      salt,
      createdAt,
      message: result(),
      reply: { to: requestId, author: customer }
    })
    assert.deepStrictEqual(template.tags, [
      ["e", channel, relay, "root"],
      ["e", requestId, relay, "reply"],
      ["p", customer],
      ["salt", salt]
    ])
    assert.deepStrictEqual(Channel.replyOf(template), Option.some(requestId))
  })

  it("equal messages of one second are two events if their salts differ", () => {
    const post = { channel, relay, createdAt, message: result() }
    const other = Schema.decodeSync(Channel.Salt)("fedcba9876543210")
    assert.notStrictEqual(
      NostrEvent.idOf(provider, Channel.message({ ...post, salt })),
      NostrEvent.idOf(provider, Channel.message({ ...post, salt: other }))
    )
  })

  it("references that contradict each other, or are none, name nothing", () => {
    assert.deepStrictEqual(
      Channel.replyOf({ tags: [reply(requestId), reply(otherRequest)] }),
      Option.none()
    )
    assert.deepStrictEqual(Channel.replyOf({ tags: [["e", "job", relay, "reply"]] }), Option.none())
    assert.deepStrictEqual(
      Channel.replyOf({ tags: [reply(requestId), reply(requestId)] }),
      Option.some(requestId)
    )
  })
})

describe("Subscriptions", () => {
  const answer = event(provider, reply(requestId), ["p", customer])

  it("a provider hears its whole channel", () => {
    assert.deepStrictEqual(Channel.providerFilter(channel), { kinds: [42], "#e": [channel] })
    assert.deepStrictEqual(Channel.providerFilter(channel, { since: 5 }).since, 5)
    assert.isTrue(Filter.matches(Channel.providerFilter(channel), answer))
  })

  it("a customer hears only the provider", () => {
    const filter = Channel.customerFilter({ channel, provider })
    assert.deepStrictEqual(filter, { kinds: [42], authors: [provider], "#e": [channel] })
    assert.isTrue(Filter.matches(filter, answer))
    assert.isFalse(Filter.matches(filter, { ...answer, pubkey: stranger }))
  })

  it("and only what it says to them, where it tags its answers", () => {
    const filter = Channel.customerFilter({ channel, provider, customer, since: 7 })
    assert.deepStrictEqual(filter, {
      kinds: [42],
      authors: [provider],
      "#e": [channel],
      "#p": [customer],
      since: 7
    })
  })
})

describe("An answer", () => {
  it("is taken by any one reference", () => {
    assert.isTrue(answers(result(), provider))
    assert.isTrue(answers(result({ job_id: "job-123" }), provider, reply(requestId)))
    assert.isTrue(
      answers(
        { type: "JobError", request_id: requestId, code: "over_capacity", message: "" },
        provider
      )
    )
  })

  it("is taken with all references", () => {
    assert.isTrue(answers(result({ request_id: requestId }), provider, reply(requestId)))
  })

  it("counts only from the provider that was asked", () => {
    assert.isFalse(answers(result({ request_id: requestId }), stranger, reply(requestId)))
    assert.isFalse(answers(result({ request_id: requestId }), customer, reply(requestId)))
  })

  it("is not taken if a single reference is to something else", () => {
    assert.isFalse(answers(result(), provider, reply(otherRequest)))
    assert.isFalse(answers(result(), provider, reply(requestId), reply(otherRequest)))
    assert.isFalse(answers(result({ request_id: otherRequest }), provider, reply(requestId)))
    assert.isFalse(
      answers(
        result({ job_id: AgentMessage.jobIdOf(otherRequest), request_id: requestId }),
        provider,
        reply(requestId)
      )
    )
  })

  it("of a legacy provider needs the reply tag beside its own job id", () => {
    assert.isFalse(answers(result({ job_id: "job-123" }), provider))
    assert.isFalse(answers(result({ job_id: "job-123", request_id: requestId }), provider))
    assert.isTrue(answers(result({ job_id: "job-123" }), provider, reply(requestId)))
  })

  it("is not what only a customer says", () => {
    const sent: AgentMessage.AgentMessage = {
      type: "PaymentSent",
      job_id: jobId,
      payment_id: "p"
    }
    assert.isFalse(answers(sent, provider, reply(requestId)))
  })
})

describe("A follow-up", () => {
  const sent: AgentMessage.AgentMessage = { type: "PaymentSent", job_id: jobId, payment_id: "p" }
  const cancel: AgentMessage.AgentMessage = { type: "JobCancel", request_id: requestId }

  it("is taken from the request's author", () => {
    assert.isTrue(followsUp(sent, customer))
    assert.isTrue(followsUp(cancel, customer))
    assert.isTrue(followsUp(cancel, customer, reply(requestId)))
  })

  it("is not taken from anybody else", () => {
    assert.isFalse(followsUp(sent, stranger))
    assert.isFalse(followsUp(cancel, provider, reply(requestId)))
  })

  it("is not taken if it speaks of another request", () => {
    assert.isFalse(followsUp(cancel, customer, reply(otherRequest)))
    assert.isFalse(followsUp({ ...sent, job_id: AgentMessage.jobIdOf(otherRequest) }, customer))
  })

  it("is not what only a provider says", () => {
    assert.isFalse(followsUp(result(), customer, reply(requestId)))
  })

  it("may be private, and then the reply tag says to what", () => {
    const secret: AgentMessage.AgentMessage = { type: "Private", payload: "ciphertext" }
    assert.isTrue(followsUp(secret, customer, reply(requestId)))
    assert.isTrue(followsUp({ ...secret, request_id: requestId }, customer))
    assert.isFalse(followsUp(secret, customer))
  })
})
