/**
 * How the market knows of a provider: its channel, created once, and its announcement, which
 * says what is sold now and is repeated as long as it is true.
 */
import { AgentMessage, Announcement, Channel, type NostrEvent } from "@farthing/protocol"
import type { Relay, Signer } from "@farthing/relay"
import { UnixTime } from "@farthing/relay"
import { Duration, Effect, Option, Schedule } from "effect"
import type * as InferenceBackend from "./InferenceBackend.ts"
import type * as ProviderBook from "./ProviderBook.ts"
import type { ProviderEvent } from "./ProviderEvent.ts"
import type { Resolved } from "./ProviderOptions.ts"

export interface Presence {
  readonly channel: NostrEvent.EventId
  /** What can be inferred now, the default model first; empty while the backend is away. */
  readonly models: Effect.Effect<ReadonlyArray<string>>
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
  readonly backend: InferenceBackend.Shape
  readonly book: ProviderBook.Shape
  readonly options: Resolved
  readonly tell: (event: ProviderEvent) => Effect.Effect<void>
}) {
  const { backend, book, options, relay, signer, tell } = services
  const provider = signer.publicKey
  const channel = yield* openChannel(services)

  let models: ReadonlyArray<string> = []
  let announced: { readonly event: NostrEvent.NostrEvent; readonly online: boolean } | undefined

  const refreshModels = backend.models.pipe(
    Effect.flatMap((available) => {
      const offered = onOffer(available, options.models)
      return offered.length > 0 || (models.length === 0 && announced !== undefined)
        ? Effect.succeed(offered)
        : Effect.as(tell({ _tag: "Trouble", message: nothingOnOffer(available) }), offered)
    }),
    Effect.catch((error) =>
      Effect.as(
        models.length > 0 || announced === undefined
          ? tell({ _tag: "Trouble", message: `the backend gives no models: ${error.message}` })
          : Effect.void,
        []
      )
    ),
    Effect.map((fresh) => {
      const changed = fresh.join("\n") !== models.join("\n")
      models = fresh
      return changed
    })
  )

  const announce = Effect.fnUntraced(function* (online: boolean) {
    const now = yield* UnixTime.now
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
          price: Option.some(options.price),
          models,
          modelPrices: {},
          kinds: [AgentMessage.textGeneration],
          capabilities: ["text-generation"],
          settlements: ["upfront"],
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
    announced = { event, online }
    if (changed && !online) yield* tell({ _tag: "Offline" })
    if (online && changed)
      yield* tell({ _tag: "Online", channel: channel.id, models, price: options.price })
  })

  /** Whether the relays show our last announcement, and not none or somebody else's of our key. */
  const isShown = Effect.gen(function* () {
    const [newest] = yield* relay.query([
      { kinds: [Announcement.kind], authors: [provider], "#d": [options.identifier], limit: 1 }
    ])
    return newest !== undefined && newest.id === announced?.event.id
  })

  const isDue = Effect.gen(function* () {
    const changed = yield* refreshModels
    if (changed || announced === undefined) return true
    const age = (yield* UnixTime.now) - announced.event.created_at
    return age >= announceEvery || !(yield* isShown)
  })

  const check = Effect.gen(function* () {
    if (yield* isDue) yield* announce(models.length > 0)
  })

  return {
    channel: channel.id,
    models: Effect.sync(() => models),
    keepUp: check.pipe(
      Effect.tapError(({ message }) => tell({ _tag: "Trouble", message })),
      Effect.retry(Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced(checkEvery)])),
      Effect.ignore,
      Effect.andThen(Effect.sleep(checkEvery)),
      Effect.forever
    ),
    leave: announce(false).pipe(Effect.timeoutOption("5 seconds"), Effect.ignore)
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

/** What the owner sells of what there is, in the owner's order. */
const onOffer = (
  available: ReadonlyArray<string>,
  allowed: ReadonlyArray<string> | undefined
): ReadonlyArray<string> =>
  allowed === undefined ? available : allowed.filter((model) => available.includes(model))

const nothingOnOffer = (available: ReadonlyArray<string>): string =>
  available.length === 0
    ? "the backend has no models"
    : `the backend has ${available.join(", ")}, and none of them is on offer`
