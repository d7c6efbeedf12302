/**
 * The provider's announcement: NIP-89 handler information, kind 31990. Strict in what it
 * emits, tolerant in what it reads.
 */
import { Option, Predicate, Result, Schema } from "effect"
import * as AgentMessage from "./AgentMessage.ts"
import * as Key from "./Key.ts"
import * as Msat from "./Msat.ts"
import * as Network from "./Network.ts"
import * as NostrEvent from "./NostrEvent.ts"
import * as Settlement from "./Settlement.ts"
import * as Text from "./Text.ts"

export const kind = 31_990

/** What a provider says of itself. */
export interface Announcement {
  /** The `d` tag; empty where a provider gives none. */
  readonly identifier: string
  /** Foreign text, like every text here: `Text.printable` makes it fit for a terminal. */
  readonly name: string
  readonly about: string
  readonly picture: Option.Option<string>
  readonly lud16: Option.Option<string>
  /** The kind-40 channel in which it takes jobs. */
  readonly channel: NostrEvent.EventId
  readonly relays: ReadonlyArray<string>
  readonly network: Option.Option<Network.Network>
  /** Per request, of a model without a price of its own; none is unknown, never free. */
  readonly price: Option.Option<Msat.Msat>
  readonly models: ReadonlyArray<string>
  /** Per request, where a model costs something else. `priceOf` reads it. */
  readonly modelPrices: Readonly<Record<string, Msat.Msat>>
  readonly kinds: ReadonlyArray<number>
  readonly capabilities: ReadonlyArray<string>
  readonly settlements: ReadonlyArray<Settlement.Settlement>
  /** On which the money of an `escrow` can be locked, the preferred one first; default Lightning. */
  readonly rails?: ReadonlyArray<Settlement.Rail>
  /** Whether its answers carry a `p` tag with the customer, so that a filter can ask for them. */
  readonly tagsAnswers: boolean
  readonly online: boolean
  /** Unix seconds (NIP-40). */
  readonly expiresAt: Option.Option<number>
}

/** An announcement and the event that carried it. */
export interface Announced extends Announcement {
  readonly provider: Key.PublicKey
  readonly event: NostrEvent.NostrEvent
  readonly rails: ReadonlyArray<Settlement.Rail>
  /** Models with a price of their own that cannot be understood: unknown, not the general one. */
  readonly unpriced: ReadonlyArray<string>
}

/** Why an event is not taken as an announcement. */
export class NotAnAnnouncement extends Schema.TaggedError<NotAnAnnouncement>()(
  "NotAnAnnouncement",
  { message: Schema.String }
) {}

/** The `handler` tag of those who sell inference. */
const handler = "compute_provider"

/** An announcement without expiration counts for a week, in seconds. */
const longestAge = 7 * 24 * 60 * 60

const contentLimit = 65_536

const limits = { name: 100, about: 2_000, url: 500, item: 200, items: 100, relays: 10 }

/** The event, as every reader of announcements understands it; `createdAt` in unix seconds. */
export const toTemplate = (announcement: Announcement, createdAt: number): NostrEvent.Template => ({
  kind,
  created_at: createdAt,
  tags: [
    ["d", announcement.identifier],
    ...announcement.kinds.map((job) => ["k", String(job)]),
    ["handler", handler],
    ...announcement.capabilities.map((capability) => ["capability", capability]),
    ...Option.toArray(announcement.price).map((price) => [
      "price",
      String(price),
      "per-request",
      "msats"
    ]),
    ["channel", announcement.channel],
    ...announcement.relays.map((url) => ["relay", url]),
    ...Option.toArray(announcement.network).map((network) => ["network", network]),
    ...announcement.models.map((model) => ["model", model, ...ownPrice(announcement, model)]),
    ...announcement.settlements.map((mode) => [
      "settlement",
      mode,
      ...namedRails(mode, announcement)
    ]),
    ...(announcement.tagsAnswers ? [["tags", "p"]] : []),
    ...(announcement.online ? [] : [["status", "offline"]]),
    ...Option.toArray(announcement.expiresAt).map((second) => ["expiration", String(second)])
  ],
  content: JSON.stringify({
    name: announcement.name,
    about: announcement.about,
    description: announcement.about,
    picture: Option.getOrUndefined(announcement.picture),
    lud16: Option.getOrUndefined(announcement.lud16),
    nip90: { kinds: announcement.kinds }
  })
})

/** Reads a verified event; `now` is in unix seconds and judges age and expiration. */
export const fromEvent = (
  event: NostrEvent.NostrEvent,
  now: number
): Result.Result<Announced, NotAnAnnouncement> => {
  if (event.kind !== kind) return refuse(`kind ${event.kind} is no handler information`)
  if (Buffer.byteLength(event.content) > contentLimit) return refuse("content over 64 KiB")

  const expiresAt = Option.fromUndefinedOr(NostrEvent.expirationOf(event))
  if (Option.exists(expiresAt, (second) => second <= now)) return refuse("expired")
  if (Option.isNone(expiresAt) && event.created_at < now - longestAge)
    return refuse("over a week old")

  const tags = indexOf(event.tags)
  const jobs = valuesOf(tags, "k")
  const sells =
    jobs.length === 0
      ? valuesOf(tags, "handler").includes(handler)
      : jobs.includes(String(AgentMessage.textGeneration))
  if (!sells) return refuse("sells no text generation")

  const network = networkOf(tags)
  if (network === undefined) return refuse("lives on a network that is not known")
  const channel = valuesOf(tags, "channel").find(isEventId)
  if (channel === undefined) return refuse("names no channel")

  const content = contentOf(event)
  const [identifier = ""] = valuesOf(tags, "d")
  const models = distinct([...valuesOf(tags, "model"), ...textsOf(content["models"])])
  return Result.succeed({
    provider: event.pubkey,
    event,
    identifier,
    name: Text.clip(textOf(content["name"]) || identifier || shortNpub(event.pubkey), limits.name),
    about: Text.clip(textOf(content["about"]) || textOf(content["description"]), limits.about),
    picture: linkOf(content["picture"]),
    lud16: linkOf(content["lud16"]),
    channel,
    relays: relaysOf(tags),
    network,
    price: generalPrice(event),
    models,
    ...ownPrices(tags, models),
    kinds: kindsOf(jobs),
    capabilities: distinct(valuesOf(tags, "capability")),
    settlements: settlementsOf(tags),
    rails: railsOf(tags),
    tagsAnswers: tags.has("d") && (tags.get("tags") ?? []).some((tag) => tag.includes("p", 1)),
    online: !valuesOf(tags, "status").includes("offline"),
    expiresAt
  })
}

/** What a request costs for a model, or for none in particular; none is unknown, never free. */
export const priceOf = (
  { modelPrices, price, unpriced }: Pick<Announced, "price" | "modelPrices" | "unpriced">,
  model: string | undefined
): Option.Option<Msat.Msat> => {
  if (model === undefined) return price
  if (Object.hasOwn(modelPrices, model)) return Option.fromUndefinedOr(modelPrices[model])
  return unpriced.includes(model) ? Option.none() : price
}

/** Every way in which it can be settled with. */
export const waysOf = ({
  rails = Settlement.usualRails,
  settlements
}: Pick<Announcement, "rails" | "settlements">): ReadonlyArray<Settlement.Way> =>
  Settlement.waysOf(settlements, rails)

/** Of several announcements, the newest per provider and identifier (ties: the lower id). */
export const newest = (announced: Iterable<Announced>): ReadonlyArray<Announced> => {
  const kept = new Map<string, Announced>()
  for (const candidate of announced) {
    const address = `${candidate.provider}:${candidate.identifier}`
    const rival = kept.get(address)
    if (rival === undefined || replaces(candidate.event, rival.event)) kept.set(address, candidate)
  }
  return Array.from(kept.values())
}

/** NIP-01: of two replaceable events of one second the one with the lower id is kept. */
const replaces = (event: NostrEvent.NostrEvent, rival: NostrEvent.NostrEvent): boolean =>
  event.created_at > rival.created_at ||
  (event.created_at === rival.created_at && event.id < rival.id)

const refuse = (message: string) => Result.fail(new NotAnAnnouncement({ message }))

/** All tags by name, because an announcement has many and every one is asked for. */
type TagIndex = ReadonlyMap<string, NostrEvent.Tags>

const indexOf = (tags: NostrEvent.Tags): TagIndex => {
  const index = new Map<string, Array<ReadonlyArray<string>>>()
  for (const tag of tags) {
    const [name = ""] = tag
    const named = index.get(name)
    if (named === undefined) index.set(name, [tag])
    else named.push(tag)
  }
  return index
}

const valuesOf = (tags: TagIndex, name: string): ReadonlyArray<string> => {
  const named = tags.get(name)
  return named === undefined ? none : named.map((tag) => tag[1] ?? "")
}

const isEventId = Schema.is(NostrEvent.EventId)

/** What is no JSON object says nothing. */
const contentOf = (event: NostrEvent.NostrEvent): { readonly [key: string]: unknown } => {
  if (!/^\s*\{/.test(event.content)) return {}
  const content = Result.try((): unknown => JSON.parse(event.content))
  return Result.isSuccess(content) && Predicate.isObject(content.success) ? content.success : {}
}

const textOf = (value: unknown): string => (Predicate.isString(value) ? value.trim() : "")

const textsOf = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter(Predicate.isString) : []

const linkOf = (value: unknown): Option.Option<string> =>
  Option.liftPredicate((link: string) => link !== "" && link.length <= limits.url)(textOf(value))

const none: ReadonlyArray<never> = []

/** Most lists are empty: they cost nothing, and are one and the same. */
const distinct = (items: ReadonlyArray<string>): ReadonlyArray<string> =>
  items.length === 0 ? none : distinctOf(items)

const distinctOf = (items: ReadonlyArray<string>): ReadonlyArray<string> =>
  Array.from(new Set(items))
    .filter((item) => item !== "" && item.length <= limits.item)
    .slice(0, limits.items)

const relaysOf = (tags: TagIndex): ReadonlyArray<string> =>
  distinct(
    [...(tags.get("relay") ?? []), ...(tags.get("relays") ?? [])].flatMap((tag) => tag.slice(1))
  )
    .filter((url) => /^wss?:\/\//i.test(url) && URL.canParse(url))
    .slice(0, limits.relays)

const isNetwork = Schema.is(Network.Network)

/** None where none is named, undefined where it is none of ours. */
const networkOf = (tags: TagIndex): Option.Option<Network.Network> | undefined => {
  const named = valuesOf(tags, "network")[0]?.toLowerCase()
  if (named === undefined || named === "") return Option.none()
  const network = named === "bitcoin" ? "mainnet" : named
  return isNetwork(network) ? Option.some(network) : undefined
}

const kindsOf = (jobs: ReadonlyArray<string>): ReadonlyArray<number> => {
  const kinds = distinct(jobs)
    .filter((job) => /^\d{1,5}$/.test(job))
    .map(Number)
    .filter(Schema.is(NostrEvent.Kind))
  return kinds.length === 0 ? [AgentMessage.textGeneration] : kinds
}

const isSettlement = Schema.is(Settlement.Settlement)

/** Who says nothing takes what everybody takes: payment in advance. */
const settlementsOf = (tags: TagIndex): ReadonlyArray<Settlement.Settlement> => {
  const named = distinct(valuesOf(tags, "settlement"))
  return named.length === 0 ? ["upfront"] : named.filter(isSettlement)
}

const isRail = Schema.is(Settlement.Rail)

/** They follow the mode; who names none has Lightning, and of others than we know nothing is had. */
const railsOf = (tags: TagIndex): ReadonlyArray<Settlement.Rail> => {
  const escrow = (tags.get("settlement") ?? []).find(([, mode]) => mode === "escrow")
  const named = distinct(escrow?.slice(2) ?? [])
  return named.length === 0 ? Settlement.usualRails : named.filter(isRail)
}

/** Nothing where Lightning is all there is, as it was before there was another rail. */
const namedRails = (
  mode: Settlement.Settlement,
  { rails = Settlement.usualRails }: Pick<Announcement, "rails">
): ReadonlyArray<string> =>
  mode !== "escrow" || (rails.length === 1 && rails[0] === "lightning") ? [] : rails

const priceTags = new Set(["price", "pricing", "amount"])

const perRequest = new Set(["", "per-request", "per_request", "request"])

const msatsPer: Readonly<Record<string, number>> = { msats: 1, msat: 1, sats: 1000, sat: 1000 }

const generalPrice = (event: NostrEvent.NostrEvent): Option.Option<Msat.Msat> =>
  Option.firstSomeOf(
    event.tags.filter((tag) => priceTags.has(tag[0] ?? "")).map((tag) => readPrice(tag.slice(1)))
  )

/** An amount, then unit and currency, each of which may be missing. */
const readPrice = ([amount = "", ...words]: ReadonlyArray<string>): Option.Option<Msat.Msat> => {
  const terms = words.map((word) => word.trim().toLowerCase())
  const currencies = terms.filter((term) => Object.hasOwn(msatsPer, term))
  const units = terms.filter((term) => !Object.hasOwn(msatsPer, term))
  if (!/^\d{1,16}$/.test(amount) || currencies.length > 1) return Option.none()
  if (!units.every((unit) => perRequest.has(unit))) return Option.none()
  const price = Number(amount) * (msatsPer[currencies[0] ?? "msats"] ?? 1)
  return Option.liftPredicate(Msat.is)(price)
}

/** In msats; of a model that costs what all cost, nothing is said. */
const ownPrice = ({ modelPrices, price }: Announcement, model: string): ReadonlyArray<string> => {
  const own = Object.hasOwn(modelPrices, model) ? modelPrices[model] : undefined
  return own === undefined || Option.contains(price, own) ? [] : [String(own)]
}

const noOwnPrices: Pick<Announced, "modelPrices" | "unpriced"> = { modelPrices: {}, unpriced: [] }

/** Of several prices of one model, the first that is understood counts. */
const ownPrices = (
  tags: TagIndex,
  models: ReadonlyArray<string>
): Pick<Announced, "modelPrices" | "unpriced"> => {
  const priced = (tags.get("model") ?? []).filter(([, , amount = ""]) => amount !== "")
  if (priced.length === 0) return noOwnPrices
  const prices = new Map<string, Msat.Msat | undefined>()
  for (const [, model = "", amount = ""] of priced)
    prices.set(model, prices.get(model) ?? Option.getOrUndefined(readMsats(amount)))
  const sold = models.filter((model) => prices.has(model))
  return {
    modelPrices: Object.fromEntries(
      sold.flatMap((model) => {
        const price = prices.get(model)
        return price === undefined ? [] : [[model, price] as const]
      })
    ),
    unpriced: sold.filter((model) => prices.get(model) === undefined)
  }
}

const readMsats = (amount: string): Option.Option<Msat.Msat> =>
  /^\d{1,16}$/.test(amount) ? Option.liftPredicate(Msat.is)(Number(amount)) : Option.none()

const shortNpub = (publicKey: Key.PublicKey): string => {
  const npub = Key.formatPublic(publicKey)
  return `${npub.slice(0, 12)}…${npub.slice(-4)}`
}
