/** What hostile people sign, say and repeat. Each call makes something that was never there before. */
import { AgentMessage, Announcement, Channel, Key, Msat, NostrEvent } from "@farthing/protocol"
import { Option } from "effect"
import { randomBytes, randomInt } from "node:crypto"

const now = (): number => Math.floor(performance.timeOrigin / 1_000 + performance.now() / 1_000)

const randomHex = (bytes: number): string => randomBytes(bytes).toString("hex")

/** Strangers have few keys where it does not matter: a new one costs more than what it signs. */
const gang = Array.from({ length: 64 }, Key.generate)

const stranger = (): Key.SecretKey => gang[randomInt(gang.length)]!

/** A message in a channel, perhaps to somebody. */
const message = (
  channel: NostrEvent.EventId,
  content: AgentMessage.AgentMessage | string,
  how: { readonly by?: Key.SecretKey; readonly tags?: NostrEvent.Tags } = {}
): NostrEvent.NostrEvent =>
  NostrEvent.sign(
    {
      kind: Channel.messageKind,
      created_at: now(),
      tags: [["e", channel, "", "root"], ...(how.tags ?? []), ["salt", randomHex(8)]],
      content: typeof content === "string" ? content : AgentMessage.stringify(content)
    },
    how.by ?? stranger()
  )

/** A request by somebody whom nobody has seen; some are none that can be served. */
export const request = (channel: NostrEvent.EventId): NostrEvent.NostrEvent =>
  message(
    channel,
    {
      type: "JobRequest",
      kind: AgentMessage.textGeneration,
      prompt: `Write about ${randomHex(200)}`,
      max_tokens: randomInt(5) === 0 ? 0 : 10,
      settlement: randomInt(5) === 0 ? ["escrow"] : ["upfront"]
    },
    { by: Key.generate() }
  )

/** Somebody who says to have paid a job, or wants something of it, that may be another's. */
export const followUp = (
  channel: NostrEvent.EventId,
  of: NostrEvent.NostrEvent | undefined
): NostrEvent.NostrEvent => {
  const id = of?.id ?? (randomHex(32) as NostrEvent.EventId)
  const job_id = AgentMessage.jobIdOf(id)
  const tags = [["e", id, "", "reply"]]
  switch (randomInt(4)) {
    case 0:
      return message(channel, { type: "JobCancel", request_id: id }, { tags })
    case 1:
      return message(channel, `{"type":"PaymentSent","job_id":${randomInt(9)}`, { tags })
    default:
      return message(channel, { type: "PaymentSent", job_id, payment_id: randomHex(32) }, { tags })
  }
}

/** An answer to a request by somebody who was not asked. */
export const answer = (
  channel: NostrEvent.EventId,
  of: NostrEvent.NostrEvent | undefined,
  by?: Key.SecretKey
): NostrEvent.NostrEvent => {
  const id = of?.id ?? (randomHex(32) as NostrEvent.EventId)
  return message(
    channel,
    {
      type: "StreamChunk",
      job_id: AgentMessage.jobIdOf(id),
      request_id: id,
      chunk: `noise ${randomHex(60)}`,
      is_final: false,
      seq: randomInt(100_000)
    },
    {
      tags: [["e", id, "", "reply"], ...(of === undefined ? [] : [["p", of.pubkey]])],
      ...(by === undefined ? {} : { by })
    }
  )
}

/** An announcement of one who has never sold anything, cheaper than everybody. */
export const announcement = (
  channel: NostrEvent.EventId = randomHex(32) as NostrEvent.EventId,
  by: Key.SecretKey = Key.generate()
): NostrEvent.NostrEvent => {
  const expiresAt = now() + 1_800
  return NostrEvent.sign(
    Announcement.toTemplate(
      {
        identifier: "sybil",
        name: `sybil ${randomHex(4)}`,
        about: "the best".repeat(20),
        picture: Option.none(),
        lud16: Option.none(),
        channel,
        relays: [`wss://${randomHex(8)}.example`],
        network: Option.some("regtest"),
        price: Option.some(Msat.make(1)),
        models: ["best"],
        modelPrices: {},
        kinds: [AgentMessage.textGeneration],
        capabilities: ["text-generation"],
        settlements: ["upfront"],
        tagsAnswers: true,
        online: true,
        expiresAt: Option.some(expiresAt)
      },
      now()
    ),
    by
  )
}

/** The event with something else in it: id and signature are those of the genuine one, or none. */
export const forged = (event: NostrEvent.NostrEvent): NostrEvent.NostrEvent =>
  randomInt(2) === 0
    ? { ...event, content: `${event.content} ${randomHex(4)}` }
    : { ...event, id: randomHex(32) as NostrEvent.EventId, content: `{"x":"${randomHex(40)}"}` }

/** In the name of somebody, without a signature that is good for it. */
export const pretended = (
  author: Key.PublicKey,
  event: NostrEvent.NostrEvent
): NostrEvent.NostrEvent => ({ ...event, pubkey: author })

const hugeText = "A".repeat(600_000)

/** Frames that are no messages at all. */
export const garbage = (): string | Buffer => {
  switch (randomInt(40)) {
    case 0:
      return JSON.stringify(["NOTICE", hugeText])
    case 1:
      return "[".repeat(20_000)
    case 2:
      return randomBytes(2_000)
    case 3:
      return '["EVENT","a",{"id":null}]'
    case 4:
      return JSON.stringify(["OK", randomHex(32), true, randomHex(50)])
    case 5:
      return JSON.stringify(["EOSE", randomHex(20)])
    case 6:
      return JSON.stringify(["AUTH", randomHex(20)])
    default:
      return randomHex(100)
  }
}
