/**
 * Be delivered to under seal, and then pay: the provider holds the preimage, which opens the result.
 * Everything that it signed is checked and stored before the money moves, so that whoever was paid
 * for garbage has proven it.
 */
import { Treasury } from "@farthing/budget"
import { Msat, Text } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Clock, Effect, Option } from "effect"
import { logged } from "./Bookkeeping.ts"
import { patienceEnds, takeUntil } from "./Collection.ts"
import * as ComputeError from "./ComputeError.ts"
import type { Delivered } from "./Delivery.ts"
import { type EndState, Journal } from "./Journal.ts"
import * as Locking from "./Locking.ts"
import { closed, nameOf, type InvoiceOffer, refused } from "./Negotiation.ts"
import { type Purchase, stage } from "./Purchase.ts"
import * as Seal from "./Seal.ts"
import * as Settling from "./Settling.ts"
import * as Unsealing from "./Unsealing.ts"

/** Buys what was offered: deliver under seal - lock - unseal. */
export const fulfil = Effect.fnUntraced(function* (purchase: Purchase, offer: InvoiceOffer) {
  const sealed = yield* deliver(purchase, offer)
  const locked = yield* Locking.lock(purchase, offer)
  const paid = yield* awaitPreimage(purchase, offer, locked)
  const delivered = yield* unseal(purchase, offer, paid, sealed)
  return yield* Settling.settle(purchase, offer, paid, delivered)
})

/** Waits for the whole result under seal, and stores it. Nothing was paid so far. */
const deliver = (purchase: Purchase, offer: InvoiceOffer) =>
  stage(
    purchase,
    "deliver",
    `waiting for the sealed result of ${nameOf(offer.provider)}`,
    Effect.gen(function* () {
      const journal = yield* Journal
      const { id } = offer.request.event
      const sealed = yield* collect(purchase, offer).pipe(
        Effect.tapError((error) => logged(journal.ended(id, endOf(error), error.message))),
        Effect.onInterrupt(() => logged(journal.ended(id, "unanswered", "interrupted")))
      )
      const events = [...sealed.pieces, sealed.end].map(({ event }) => event)
      if (!(yield* journal.sealed(id, events))) return yield* closed(id)
      return sealed
    }),
    offer.provider
  )

/** How a job ends in the journal that was not worth a payment. */
const endOf = ({ _tag }: { readonly _tag: string }): EndState => {
  switch (_tag) {
    case "ProviderRefused":
      return "refused"
    case "DeliveryInvalid":
      return "rejected"
    default:
      return "unanswered"
  }
}

const collect = Effect.fnUntraced(function* (purchase: Purchase, offer: InvoiceOffer) {
  const { firstChunkTimeout, idleTimeout } = purchase.options
  const { answers } = offer.conversation
  let underway = Seal.empty
  let giveUpAt = yield* patienceEnds(offer, firstChunkTimeout)
  for (let taken = 0; ; taken++) {
    const answer = offer.early[taken] ?? Option.getOrUndefined(yield* takeUntil(answers, giveUpAt))
    if (answer === undefined) return yield* undelivered(offer, underway)
    if (answer._tag === "Refused") return yield* refused(offer.provider, answer)
    if (answer._tag !== "SealedPiece" && answer._tag !== "SealedEnd") continue
    const next = Seal.step(underway, answer, offer.invoice)
    if (next._tag === "Whole") return next
    if (next._tag === "Broken") return yield* broken(offer, next.message)
    if (next !== underway) giveUpAt = yield* patienceEnds(offer, idleTimeout)
    underway = next
  }
})

const undelivered = (offer: InvoiceOffer, { complaint, pieces }: Seal.Underway) => {
  if (complaint !== undefined) return broken(offer, complaint)
  const { provider } = offer
  return Effect.fail(
    new ComputeError.DeliveryTimeout({
      provider: provider.pubkey,
      cost: Msat.zero,
      message: `${nameOf(provider)} sent ${[...pieces].length} sealed pieces and no end in time. Nothing was paid.`
    })
  )
}

const broken = ({ provider }: InvoiceOffer, why: string) =>
  Effect.fail(
    new ComputeError.DeliveryInvalid({
      provider: provider.pubkey,
      cost: Msat.zero,
      message: `The sealed result of ${nameOf(provider)} is not one to pay for: ${why}. Nothing was paid.`
    })
  )

/** Whoever takes the money shows the preimage. */
const awaitPreimage = (purchase: Purchase, offer: InvoiceOffer, locked: Locking.Locked) =>
  stage(
    purchase,
    "pay",
    `waiting for ${nameOf(offer.provider)} to take its money`,
    Effect.gen(function* () {
      const journal = yield* Journal
      const { id } = offer.request.event
      const settled = yield* locked.end.pipe(
        Effect.timeoutOrElse({
          duration: purchase.options.paymentTimeout,
          orElse: () => Effect.andThen(logged(journal.stalled(id)), Effect.fail(notTaken(locked)))
        }),
        Effect.catchTag("PaymentFailed", (error) =>
          Effect.andThen(
            logged(journal.ended(id, "returned", error.message)),
            Effect.fail(moneyBack(offer))
          )
        )
      )
      const at = yield* Clock.currentTimeMillis
      yield* logged(journal.paid(id, Settling.paymentOf(settled, at)))
      return { ...settled, at } satisfies Settling.Paid
    }),
    offer.provider
  )

const notTaken = ({ paymentHash, until }: Locking.Locked) =>
  new Treasury.PaymentUnknown({
    paymentHash,
    message: `The money is locked, and the provider has not taken it yet. It comes back by itself, by ${UnixTime.toISOString(until)} at the latest; if it is taken before, recovery opens the result.`
  })

/** Nothing was paid: another provider may be asked. */
const moneyBack = ({ provider }: InvoiceOffer) =>
  new ComputeError.ProviderRefused({
    provider: provider.pubkey,
    code: "inference_failed",
    message: `${nameOf(provider)} did not take its money and let it come back. Nothing was paid.`
  })

/** Opens what was paid for. */
const unseal = (
  purchase: Purchase,
  offer: InvoiceOffer,
  paid: Settling.Paid,
  { pieces }: Seal.Whole
): Effect.Effect<
  Delivered,
  ComputeError.DeliveryInvalid,
  Effect.Services<ReturnType<typeof Unsealing.open>> | Journal | Treasury.Treasury
> =>
  stage(
    purchase,
    "unseal",
    "opening the result",
    Effect.gen(function* () {
      const delivered = yield* Unsealing.open({ request: offer.request, paid, pieces }).pipe(
        Effect.catchTag("Garbage", ({ message }) => garbage(offer, paid, message))
      )
      yield* purchase.tell({ _tag: "Chunk", text: delivered.text })
      return delivered
    }),
    offer.provider
  )

/** The evidence is stored: what the provider signed, and the preimage that it took the money with. */
const garbage = Effect.fnUntraced(function* (
  { provider, request }: InvoiceOffer,
  { amount, fee, paymentHash }: Settling.Paid,
  why: string
) {
  yield* Unsealing.lose(request.event.id, paymentHash, why)
  const cost = Msat.add(amount, fee)
  return yield* new ComputeError.DeliveryInvalid({
    provider: provider.pubkey,
    cost,
    message: `${nameOf(provider)} was paid (${cost} msat with the fee) for a sealed result that is garbage: ${Text.printable(why)}. It is avoided for now; what it signed is kept as evidence.`
  })
})
