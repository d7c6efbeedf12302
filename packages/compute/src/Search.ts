/** Who could be asked: everybody who sells now, and of those the few that a purchase asks. */
import type { Settlement } from "@farthing/protocol"
import { Sat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import type { Duration } from "effect"
import { Array as Arr, Effect, Option } from "effect"
import { NoProviders, NoProviderWithinBudget } from "./ComputeError.ts"
import { Discovery } from "./Discovery.ts"
import { Journal } from "./Journal.ts"
import * as Provider from "./Provider.ts"
import { type Purchase, stage } from "./Purchase.ts"
import * as Selection from "./Selection.ts"

/** Everybody who sells now, with our record of them. */
export const knownProviders = (within: Duration.Input) =>
  Effect.map(search(within), ({ providers }) => providers)

const search = Effect.fnUntraced(function* (within: Duration.Input) {
  const discovery = yield* Discovery
  const found = yield* discovery.discover(within)
  return { ...found, providers: yield* withRecords(found.providers) }
})

/** What the journal knows of them. */
const withRecords = Effect.fnUntraced(function* (providers: ReadonlyArray<Provider.Provider>) {
  const journal = yield* Journal
  const records = yield* journal.records
  if (records.size === 0) return providers
  return providers.map((provider) => {
    const record = records.get(provider.pubkey)
    return record === undefined ? provider : { ...provider, record }
  })
})

/** A single one with what the journal knows of it. */
export const withRecord = (provider: Provider.Provider) =>
  Effect.map(
    Effect.flatMap(Journal, (journal) => journal.records),
    (records) => ({
      ...provider,
      record: records.get(provider.pubkey) ?? provider.record
    })
  )

/** Everybody who may be asked: the provider that the caller has chosen, or all that sell. */
export const discover = (purchase: Purchase) =>
  purchase.provider === undefined
    ? stage(
        purchase,
        "discover",
        "looking for providers",
        Effect.gen(function* () {
          const { clockHint, providers } = yield* search(purchase.options.discoveryTimeout)
          if (Arr.isReadonlyArrayNonEmpty(providers)) return providers
          return yield* new NoProviders({ message: nobody(clockHint) })
        })
      )
    : Effect.succeed(Arr.of(purchase.provider))

const nobody = (clockHint: Option.Option<string>): string =>
  Option.match(clockHint, {
    onNone: () =>
      "No compute provider is announced on our relays. Ask for other relays, or run a provider.",
    onSome: (hint) => `No compute provider is announced on our relays: ${hint}.`
  })

/** The rounds of providers to ask, best first: as many at once as quotes are wanted. */
export const select = (purchase: Purchase, providers: ReadonlyArray<Provider.Provider>) =>
  stage(
    purchase,
    "select",
    `choosing among ${providers.length}`,
    Effect.gen(function* () {
      const { budget, options, selection } = purchase
      const rounds = selection.fallbacks ? Math.max(options.maxAttempts, 1) : 1
      const quotes = Math.max(selection.quotes, 1)
      const now = yield* UnixTime.now
      const able = providers.filter(takesOneOf(options.settlement))
      const chosen = Selection.rank(able, {
        budget,
        selection: purchase.provider === undefined ? selection : { ...selection, policy: asGiven },
        now,
        limit: rounds * quotes
      })
      if (Arr.isReadonlyArrayNonEmpty(chosen)) return Arr.chunksOf(chosen, quotes)
      return yield* nobodyFits(purchase, able, now)
    })
  )

const takesOneOf =
  (wanted: ReadonlyArray<Settlement.Settlement>) =>
  ({ announcement }: Provider.Provider): boolean =>
    announcement.settlements.some((settlement) => wanted.includes(settlement))

/** The caller has chosen already. */
const asGiven = (providers: ReadonlyArray<Provider.Provider>) => providers

const nobodyFits = (
  { budget, selection }: Purchase,
  providers: ReadonlyArray<Provider.Provider>,
  now: number
) => {
  const wanted = providers.filter(Selection.isWantedBy(selection))
  const avoided = wanted.filter((provider) => Provider.isAvoided(provider, now))
  const cheapest = Selection.lowestPrice(wanted)
  const dear = Option.map(
    Option.filter(cheapest, (price) => price > budget),
    (price) =>
      `the cheapest asks ${Sat.fromMsatCeil(price)} sats and ${Sat.fromMsatFloor(budget)} may be spent`
  )
  const verb = wanted.length === 1 ? ["fits", "sells"] : ["fit", "sell"]
  const fit =
    selection.model === undefined ? `${verb[0]} the selection` : `${verb[1]} ${selection.model}`
  return new NoProviderWithinBudget({
    budget,
    ...(Option.isSome(cheapest) ? { cheapest: cheapest.value } : {}),
    message: [
      `Of the providers that can be paid our way (${providers.length}), ${wanted.length} ${fit}`,
      ...(avoided.length === 0
        ? []
        : [
            `${avoided.length} took money without delivering lately, or did nothing but give it back`
          ]),
      ...Option.toArray(dear)
    ].join("; ")
  })
}
