/**
 * A provider that does what a test tells it to: real keys, real invoices of a real bank, the wire
 * format and nothing else.
 */
import {
  AgentMessage,
  Announcement,
  type Bolt11,
  Channel,
  Key,
  type Msat
} from "@farthing/protocol"
import type { NostrEvent } from "@farthing/protocol"
import { Relay, Signer, UnixTime } from "@farthing/relay"
import { Bank } from "@farthing/wallet"
import { Effect, Option, Stream } from "effect"
import * as PeerJob from "./PeerJob.ts"

export interface Profile {
  readonly name: string
  /** At the bank; default: the name. */
  readonly account?: string
  /** Undefined: it announces none. */
  readonly price?: Msat.Msat | undefined
  readonly models?: ReadonlyArray<string>
  readonly tagsAnswers?: boolean
  readonly announcement?: Partial<Announcement.Announcement>
  /** How far its clock is ahead, in seconds. */
  readonly clockAhead?: number
}

export type { How, Job } from "./PeerJob.ts"

export interface Peer {
  readonly pubkey: Key.PublicKey
  readonly signer: Signer.Shape
  readonly channel: NostrEvent.EventId
  readonly announce: (
    change?: Partial<Announcement.Announcement>
  ) => Effect.Effect<NostrEvent.NostrEvent>
  /** The announcement, signed and not published. */
  readonly announcement: (
    change?: Partial<Announcement.Announcement>
  ) => Effect.Effect<NostrEvent.NostrEvent>
  /** Makes an invoice at the bank; says nothing. */
  readonly makeInvoice: (amount: Msat.Msat) => Effect.Effect<Bolt11.Invoice>
  /** Does the same for every request until the test ends. */
  readonly serve: (script: Script) => Effect.Effect<void>
  /** The requests that came so far. */
  readonly requests: ReadonlyArray<PeerJob.Job>
  /** The invoices for refunds that came so far. */
  readonly refundInvoices: ReadonlyArray<AgentMessage.RefundInvoice>
}

export type Script = (job: PeerJob.Job) => Effect.Effect<unknown, unknown>

/** Has a channel, and says nothing yet. */
export const make = Effect.fnUntraced(function* (profile: Profile) {
  const relay = yield* Relay.Relay
  const bank = yield* Bank.Bank
  const scope = yield* Effect.scope
  const account = profile.account ?? profile.name
  yield* Effect.orDie(bank.open(account))
  const signer = Signer.make(Key.generate())
  const now = Effect.map(UnixTime.now, (second) => second + (profile.clockAhead ?? 0))

  const publish = (event: NostrEvent.NostrEvent) =>
    relay.publish(event).pipe(Effect.orDie, Effect.asVoid)

  const created = yield* signer.sign(
    Channel.creation(
      { name: profile.name, about: "", picture: "", relays: [] },
      yield* UnixTime.now
    )
  )
  yield* publish(created)
  const channel = created.id
  const requests: Array<PeerJob.Job> = []
  const refundInvoices: Array<AgentMessage.RefundInvoice> = []
  let announced = 0

  const announcement: Peer["announcement"] = Effect.fnUntraced(function* (change) {
    announced = Math.max(announced + 1, yield* now)
    return yield* signer.sign(
      Announcement.toTemplate(
        {
          identifier: "offer",
          name: profile.name,
          about: "",
          picture: Option.none(),
          lud16: Option.none(),
          channel,
          relays: [],
          network: Option.some("regtest"),
          price: Option.fromUndefinedOr(profile.price),
          models: profile.models ?? ["tiny"],
          modelPrices: {},
          kinds: [AgentMessage.textGeneration],
          capabilities: ["text-generation"],
          settlements: ["upfront"],
          tagsAnswers: profile.tagsAnswers ?? true,
          online: true,
          expiresAt: Option.some(announced + 1800),
          ...profile.announcement,
          ...change
        },
        announced
      )
    )
  })

  const provider = { signer, bank, account, channel, publish, now }

  const serve: Peer["serve"] = (script) => {
    const jobs = new Map<string, PeerJob.Heard>()

    const begin = Effect.fnUntraced(function* (
      event: NostrEvent.NostrEvent,
      request: AgentMessage.JobRequest
    ) {
      const heard = yield* PeerJob.make(provider, event, request)
      jobs.set(event.id, heard)
      requests.push(heard.job)
      yield* script(heard.job).pipe(
        Effect.tapCause((cause) => Effect.logError("A script failed", cause)),
        Effect.forkIn(scope, { startImmediately: true })
      )
    })

    return relay.subscribe([Channel.providerFilter(channel)]).pipe(
      Stream.filter((event) => event.pubkey !== signer.publicKey),
      Stream.runForEach(
        Effect.fnUntraced(function* (event) {
          const message = Option.getOrUndefined(AgentMessage.parse(event.content))
          if (message?.type === "JobRequest") return yield* begin(event, message)
          if (message === undefined || !AgentMessage.isFollowUp(message)) return
          if (message.type === "RefundInvoice") refundInvoices.push(message)
          const known = jobs.get(Option.getOrElse(Channel.replyOf(event), () => ""))
          if (known?.job.event.pubkey === event.pubkey) yield* known.hear(event, message)
        })
      ),
      Effect.orDie,
      Effect.forkIn(scope, { startImmediately: true }),
      Effect.asVoid
    )
  }

  const peer: Peer = {
    pubkey: signer.publicKey,
    signer,
    channel,
    announcement,
    makeInvoice: (amount) => PeerJob.makeInvoice(provider, amount),
    announce: (change) => Effect.tap(announcement(change), publish),
    serve,
    requests,
    refundInvoices
  }
  return peer
})

/** A provider that is announced and serves. */
export const open = Effect.fnUntraced(function* (profile: Profile, script: Script) {
  const peer = yield* make(profile)
  yield* peer.announce()
  yield* peer.serve(script)
  return peer
})

/** What every good provider does. */
export const honest =
  (
    amount: Msat.Msat,
    text: string | ((prompt: string) => string) = (prompt) => `echo: ${prompt}`
  ) =>
  (job: PeerJob.Job) =>
    Effect.gen(function* () {
      yield* job.invoice(amount)
      yield* job.paymentSent
      yield* job.result(typeof text === "string" ? text : text(job.request.prompt))
    })
