/** What a purchase over a crooked wallet has come to: for its caller, in the ledger, and at the bank. */
import type { Treasury } from "@farthing/budget"
import type { Settlement } from "@farthing/protocol"
import { Cause, Clock, Effect, Exit, Predicate } from "effect"
import * as ExitCode from "../../../apps/cli/src/ExitCode.ts"
import type * as OtherRelay from "../../src/OtherRelay.ts"
import * as Books from "../../src/Books.ts"
import * as Trade from "../../src/Deal.ts"
import * as Peer from "../../src/Peer.ts"
import type * as People from "../../src/People.ts"
import * as Settling from "../../src/Settling.ts"
import * as CrookedWallet from "./CrookedWallet.ts"

export interface Aftermath extends Books.Books {
  /** `Receipt`, or the tag of the error. */
  readonly heard: string
  /** What `farthing ask` would end with. */
  readonly exit: number
  /** How the ledger stands to each payment of all purchases, sorted. */
  readonly spends: ReadonlyArray<"failed" | "settled" | "unknown">
  /** Why nothing more is spent. */
  readonly frozen: string | undefined
}

/** The time for a payment runs out soon; long enough for whatever is no time-out on a busy machine. */
export const impatient: People.Environment = { FARTHING_COMPUTE_PAYMENT_TIMEOUT: "3 seconds" }

export interface Terms {
  /** The provider's script; default: it delivers what is paid. */
  readonly script?: Peer.Script
  readonly environment?: People.Environment
  /** How it is settled; default: upfront. */
  readonly settlement?: Settlement.Settlement
  /** What the relay of the wallet does wrong. */
  readonly misbehaviour?: OtherRelay.Manner
}

export const text = "an honest answer"

/** An honest provider, and a customer whose wallet behaves like this. */
export const meet = Effect.fnUntraced(function* (
  conduct: CrookedWallet.Conduct,
  {
    environment,
    misbehaviour,
    script = Peer.honest(Trade.price, text),
    settlement = "upfront"
  }: Terms = {}
) {
  const wallet = yield* CrookedWallet.open(conduct, misbehaviour)
  const { customer, peer, place } = yield* Trade.meet(
    script,
    Settling.by(settlement, { FARTHING_WALLET_NWC_URI: wallet.uri, ...environment })
  )
  return { place, peer, wallet, customer: { ...customer, account: wallet.account } }
})

/** A customer, its wallet, and the provider that it buys from. */
export type Deal = Effect.Success<ReturnType<typeof meet>>

type Customer = Pick<People.Customer, "client" | "treasury" | "account">

const of = Effect.fnUntraced(function* (customer: Customer, heard: Exit.Exit<unknown, unknown>) {
  const { frozen } = yield* customer.treasury.status
  const aftermath: Aftermath = {
    heard: Exit.isSuccess(heard) ? "Receipt" : tagOf(Cause.squash(heard.cause)),
    exit: ExitCode.ofExit(heard),
    spends: yield* spendsOf(customer),
    frozen,
    ...(yield* Books.of(customer))
  }
  return aftermath
})

/** Buys once, and looks what has come of it when the wallet was asked so often in all. */
export const buy = Effect.fnUntraced(function* ({ customer, wallet }: Deal, asked = 1) {
  const heard = yield* Effect.exit(Trade.buy(customer))
  yield* wallet.asked(asked)
  return yield* of(customer, heard)
})

const tagOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") ? String(error._tag) : String(error)

const spendsOf = Effect.fnUntraced(function* ({ client, treasury }: Customer) {
  const jobs = yield* client.jobs()
  const purchases = new Set(jobs.map(({ purchase }) => purchase))
  const spends = yield* Effect.forEach(purchases, treasury.find)
  return spends
    .flat()
    .map(({ state }) => standing(state))
    .toSorted()
})

/** To an interrupted caller it makes no difference how far an open payment was followed. */
const standing = (state: Treasury.SpendState): Aftermath["spends"][number] =>
  state === "settled" || state === "failed" ? state : "unknown"

/** Longer than any invoice and any doubt about clocks lasts; relays take no later events. */
const long = 13 * 60 * 1_000

/** Does it when so much time has passed that nothing can be executed any more. */
export const muchLater = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Clock.Clock, (clock) =>
    Effect.provideService(effect, Clock.Clock, {
      currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + long,
      currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + long),
      currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(long) * 1_000_000n,
      currentTimeNanos: Effect.map(
        clock.currentTimeNanos,
        (now) => now + BigInt(long) * 1_000_000n
      ),
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: clock.monotonicTimeNanos,
      sleep: (duration) => clock.sleep(duration)
    })
  )

/** What recovery makes of it. */
export const recover = ({ customer }: Deal) =>
  Effect.flatMap(Effect.exit(customer.client.recover), (heard) => of(customer, heard))
