/** Who could be asked: everybody who sells now, and of those the few that a purchase asks. */
import { Announcement, Sat, Settlement } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import type { Duration } from "effect"
import { Array as Arr, Effect, Option } from "effect"
import { NoProviders, NoProviderWithinBudget, SettlementUnavailable } from "./ComputeError.ts"
import { Discovery, type Found, type Wanted } from "./Discovery.ts"
import { Journal } from "./Journal.ts"
import * as Mode from "./Mode.ts"
import * as Provider from "./Provider.ts"
import { type Purchase, stage } from "./Purchase.ts"
import * as Selection from "./Selection.ts"
import { takesOneOf } from "./Shortlist.ts"

/** Everybody who sells now, with our record of them. */
export const knownProviders = Effect.fnUntraced(function* (within: Duration.Input) {
  const discovery = yield* Discovery
  const journal = yield* Journal
  const providers = yield* Effect.flatMap(discovery.discover(within), ({ all }) => all)
  const records = yield* journal.records
  return providers.map((provider) => Provider.withRecord(provider, records.get(provider.pubkey)))
})

/** A single one with what the journal knows of it. */
export const withRecord = (provider: Provider.Provider) =>
  Effect.map(
    Effect.flatMap(Journal, (journal) => journal.records),
    (records) => Provider.withRecord(provider, records.get(provider.pubkey))
  )

/** The market as it is now; nothing to look at where the caller has chosen its provider. */
export const discover = (purchase: Purchase) =>
  purchase.provider === undefined
    ? stage(
        purchase,
        "discover",
        "looking for providers",
        Effect.gen(function* () {
          const discovery = yield* Discovery
          const found = yield* discovery.discover(purchase.options.discoveryTimeout)
          if (found.count === 0) return yield* new NoProviders({ message: nobody(found.clockHint) })
          return Option.some(found)
        })
      )
    : Effect.succeedNone

const nobody = (clockHint: Option.Option<string>): string =>
  Option.match(clockHint, {
    onNone: () =>
      "No compute provider is announced on our relays. Ask for other relays, or run a provider.",
    onSome: (hint) => `No compute provider is announced on our relays: ${hint}.`
  })

/** The rounds of providers to ask, best first: as many at once as quotes are wanted. */
export const select = (purchase: Purchase, found: Option.Option<Found>) =>
  stage(
    purchase,
    "select",
    `choosing among ${Option.isSome(found) ? found.value.count : 1}`,
    Effect.gen(function* () {
      const { options, selection } = purchase
      const rounds = selection.fallbacks ? Math.max(options.maxAttempts, 1) : 1
      const quotes = Math.max(selection.quotes, 1)
      const wish = {
        budget: purchase.budget,
        selection,
        settlement: purchase.usable.ways,
        now: yield* UnixTime.now,
        limit: rounds * quotes
      }
      const chosen = yield* chooseAmong(purchase, found, wish)
      if (Arr.isReadonlyArrayNonEmpty(chosen)) return Arr.chunksOf(chosen, quotes)
      return yield* nobodyFits(purchase, found, wish)
    })
  )

const chooseAmong = (purchase: Purchase, found: Option.Option<Found>, wish: Wanted) =>
  Option.isSome(found)
    ? Effect.flatMap(Journal, (journal) =>
        Effect.flatMap(journal.records, (records) => found.value.rank(wish, records))
      )
    : Effect.succeed(
        Selection.rank(theChosen(purchase), {
          ...wish,
          selection: { ...wish.selection, policy: asGiven }
        })
      )

/** The provider that the caller has chosen, if it can be paid our way. */
const theChosen = ({ provider, usable }: Purchase): ReadonlyArray<Provider.Provider> =>
  provider !== undefined && takesOneOf(usable.ways, Announcement.waysOf(provider.announcement))
    ? [provider]
    : []

/** The caller has chosen already. */
const asGiven = (providers: ReadonlyArray<Provider.Provider>) => providers

const nobodyFits = Effect.fnUntraced(function* (
  purchase: Purchase,
  found: Option.Option<Found>,
  wish: Wanted
) {
  const { budget, selection } = purchase
  const able = Option.isSome(found)
    ? found.value.able(wish, yield* Effect.flatMap(Journal, ({ records }) => records))
    : theChosen(purchase)
  if (able.length === 0) return yield* settlementUnavailable(purchase.usable)
  const wanted = able.filter(Selection.isWantedBy(selection))
  const avoided = wanted.filter((provider) => Provider.isAvoided(provider, wish.now))
  const cheapest = Selection.lowestPrice(wanted)
  const dear = Option.map(
    Option.filter(cheapest, (price) => price > budget),
    (price) =>
      `the cheapest asks ${Sat.fromMsatCeil(price)} sats and ${Sat.fromMsatFloor(budget)} may be spent`
  )
  const verb = wanted.length === 1 ? ["fits", "sells"] : ["fit", "sell"]
  const fit =
    selection.model === undefined ? `${verb[0]} the selection` : `${verb[1]} ${selection.model}`
  return yield* new NoProviderWithinBudget({
    budget,
    ...(Option.isSome(cheapest) ? { cheapest: cheapest.value } : {}),
    message: [
      `Of the providers that can be paid our way (${able.length}), ${wanted.length} ${fit}`,
      ...(avoided.length === 0
        ? []
        : [
            `${avoided.length} took money without delivering lately, held it for nothing, or did nothing but give it back`
          ]),
      ...Option.toArray(dear)
    ].join("; ")
  })
})

/** Whether the customer's own side can settle in any way that is wanted. */
export const requireMode = ({ usable }: Purchase) =>
  usable.ways.length === 0 ? settlementUnavailable(usable) : Effect.void

const settlementUnavailable = ({ skipped, ways }: Mode.Usable) => {
  const own = Mode.inWords(skipped)
  const others =
    ways.length === 0 ? "" : `no provider offers ${ways.map(Settlement.inWords).join(" or ")}`
  return Effect.fail(
    new SettlementUnavailable({
      message: `Nothing can be settled as it is wanted (${[own, others].filter((one) => one !== "").join("; ")}). Allow another settlement; nothing was asked or paid.`
    })
  )
}
