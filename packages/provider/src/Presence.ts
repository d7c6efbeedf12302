/**
 * How the market knows of a provider: its channel, created once, and its announcement, which
 * says what is sold now and is repeated as long as it is true.
 */
import {
  AgentMessage,
  Announcement,
  Channel,
  type NostrEvent,
  type Settlement
} from "@farthing/protocol"
import type { Relay, Signer } from "@farthing/relay"
import { UnixTime } from "@farthing/relay"
import { Duration, Effect, Latch, Option, Schedule } from "effect"
import * as Prices from "./Prices.ts"
import type * as ProviderBook from "./ProviderBook.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"
import type { Resolved } from "./ProviderOptions.ts"
import type { Routing } from "./Routing.ts"

export interface Presence {
  readonly channel: NostrEvent.EventId
  /** What is sold has changed. */
  readonly stir: Effect.Effect<void>
  /** Announces, and goes on to do so whenever something has changed or is not shown. */
  readonly keepUp: Effect.Effect<never>
  readonly leave: Effect.Effect<void>
}

/** Seconds. */
const announceEvery = 5 * 60
const announcementLasts = 30 * 60

/** How often it is made sure that all is as announced. */
const checkEvery = Duration.seconds(30)

export const make = Effect.fnUntraced(function* (services: {
  readonly relay: Relay.Shape
  readonly signer: Signer.Shape
  readonly routing: Pick<Routing, "models" | "known">
  readonly book: ProviderBook.Shape
  readonly options: Resolved
  /** On which an escrow's money can be locked. */
  readonly rails: ReadonlyArray<Settlement.Rail>
  readonly tell: (event: ProviderEvent) => Effect.Effect<void>
}) {
  const { book, options, rails, relay, routing, signer, tell } = services
  const provider = signer.publicKey
  const channel = yield* openChannel(services)

  let announced:
    | {
        readonly event: NostrEvent.NostrEvent
        readonly models: ReadonlyArray<string>
        readonly online: boolean
      }
    | undefined
  const stirred = yield* Latch.make(false)

  const announce = Effect.fnUntraced(function* (models: ReadonlyArray<string>) {
    const online = models.length > 0
    const now = yield* UnixTime.now
    const prices = Prices.announced(options, models)
    const event = yield* signer.sign(
      Announcement.toTemplate(
        {
          identifier: options.identifier,
          name: options.name,
          about: options.about,
          picture: Option.fromUndefinedOr(options.picture),
          lud16: Option.fromUndefinedOr(options.lud16),
          channel: channel.id,
          relays: relay.urls,
          network: Option.some(options.network),
          price: Option.some(prices.price),
          modelPrices: prices.modelPrices,
          models,
          kinds: [AgentMessage.textGeneration],
          capabilities: ["text-generation"],
          settlements: options.settlements,
          rails,
          tagsAnswers: true,
          online,
          expiresAt: Option.some(now + announcementLasts)
        },
        yield* book.dateAnnouncement(provider, now)
      )
    )
    // A relay that lost its memory needs the channel again; for the others it is a duplicate.
    yield* relay.publish(channel)
    yield* relay.publish(event)
    const changed = announced?.online !== online
    announced = { event, models, online }
    if (changed && !online) yield* tell({ _tag: "Offline" })
    if (online && changed)
      yield* tell({ _tag: "Online", channel: channel.id, models, price: prices.price })
  })

  /** Whether the relays show our last announcement, and not none or somebody else's of our key. */
  const isShown = Effect.gen(function* () {
    const [newest] = yield* relay.query([
      { kinds: [Announcement.kind], authors: [provider], "#d": [options.identifier], limit: 1 }
    ])
    return newest !== undefined && newest.id === announced?.event.id
  })

  const isDue = Effect.gen(function* () {
    if (announced === undefined || hasChanged(announced.models, routing.models())) return true
    const age = (yield* UnixTime.now) - announced.event.created_at
    return age >= announceEvery || !(yield* isShown)
  })

  const check = Effect.gen(function* () {
    stirred.closeUnsafe()
    if (yield* isDue) yield* announce(routing.models())
  })

  return {
    channel: channel.id,
    stir: Effect.asVoid(stirred.open),
    keepUp: check.pipe(
      Effect.tapError(({ message }) => tell({ _tag: "Trouble", message })),
      Effect.retry(Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced(checkEvery)])),
      Effect.ignore,
      Effect.andThen(Effect.timeoutOption(stirred.await, checkEvery)),
      Effect.forever,
      (keepUp) => Effect.andThen(routing.known, keepUp)
    ),
    leave: announce([]).pipe(Effect.timeoutOption("5 seconds"), Effect.ignore)
  } satisfies Presence
})

const openChannel = Effect.fnUntraced(function* ({
  book,
  options,
  relay,
  signer
}: {
  readonly book: ProviderBook.Shape
  readonly options: Resolved
  readonly relay: Relay.Shape
  readonly signer: Signer.Shape
}) {
  const known = yield* book.findChannel(signer.publicKey)
  if (Option.isSome(known)) return known.value
  const { about, name, picture = "" } = options
  const template = Channel.creation(
    { name, about, picture, relays: [...relay.urls] },
    yield* UnixTime.now
  )
  return yield* book.keepChannel(yield* signer.sign(template))
})

const hasChanged = (before: ReadonlyArray<string>, now: ReadonlyArray<string>): boolean =>
  before.length !== now.length || before.some((model, index) => model !== now[index])
