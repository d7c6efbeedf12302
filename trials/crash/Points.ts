/** The points at which somebody dies, and who. */
import type * as Process from "../processes/Process.ts"
import type * as Task from "../processes/Task.ts"

/** The names of the two who trade. */
export const customer = "customer"
export const provider = "provider"

const both = [customer, provider]

interface Terms extends Pick<Task.Purchase, "stream" | "settlement"> {
  readonly backend: Task.Backend
  /** Who has a wallet on Spark; the others' are at the bank. */
  readonly spark?: ReadonlyArray<string>
}

/** What is bought. */
export const kinds = {
  /** A result in one piece. */
  whole: { backend: "embedded", stream: false, settlement: "upfront" },
  /** A result that comes piece by piece. */
  streamed: { backend: "slow", stream: true, settlement: "upfront" },
  /** A result that never comes, so that the money has to go back. */
  refunded: { backend: "failing", stream: false, settlement: "upfront" },
  /** The same where the money is locked first. */
  escrow: { backend: "embedded", stream: false, settlement: "escrow" },
  escrowStreamed: { backend: "slow", stream: true, settlement: "escrow" },
  escrowReturned: { backend: "failing", stream: false, settlement: "escrow" },
  /** The same where the result is there first. */
  sealed: { backend: "embedded", stream: false, settlement: "sealed" },
  sealedStreamed: { backend: "slow", stream: true, settlement: "sealed" },
  sealedReturned: { backend: "failing", stream: false, settlement: "sealed" },
  /** The same where one of them, or both, have wallets on Spark. */
  sparkBuys: { backend: "embedded", stream: false, settlement: "upfront", spark: [customer] },
  sparkSells: { backend: "embedded", stream: false, settlement: "upfront", spark: [provider] },
  sparkRefunded: { backend: "failing", stream: false, settlement: "upfront", spark: both },
  sparkEscrow: { backend: "embedded", stream: false, settlement: "escrow", spark: both },
  sparkEscrowReturned: { backend: "failing", stream: false, settlement: "escrow", spark: both }
} as const satisfies Record<string, Terms>
export type Kind = keyof typeof kinds
export const allKinds = Object.keys(kinds) as ReadonlyArray<Kind>

/** Nothing comes of it, and nothing is paid in the end. */
export const comesToNothing = (kind: Kind): boolean =>
  kinds[kind].backend === "failing" && kinds[kind].settlement !== "upfront"

/** Whose steps are points: those of processes, and of the operators, who never die. */
export type Watched = Process.Name | "operators"

/** Nobody can give back what is locked over Spark: it returns when its time is over. */
export const locksReturn = (kind: Kind): boolean => comesToNothing(kind) && sparkOf(kind).length > 0

export interface Point {
  readonly kind: Kind
  /** Who passes the point. */
  readonly watched: Watched
  /** The point. */
  readonly at: string
  /** Who dies there. */
  readonly victim: Process.Name
}

/** `customer`, or `market at customer` where the one dies at a point of the other. */
export const sideOf = ({ victim, watched }: Point): string =>
  victim === watched ? victim : `${victim} at ${watched}`

export const nameOf = (point: Point): string => `${sideOf(point)}, ${point.kind}: ${point.at}`

/** What each process passed when nobody died. */
export type Passed = ReadonlyMap<Kind, Readonly<Record<Watched, ReadonlyArray<string>>>>

export const of = (passed: Passed): ReadonlyArray<Point> => {
  const at = (kind: Kind, watched: Watched, victim: Process.Name): ReadonlyArray<Point> =>
    stepsOf(passed, kind, watched)
      .filter((at) => victim === watched || isOutsider(watched) || isOutside(at))
      .map((at) => ({ kind, watched, at, victim }))
  return [
    ...at("whole", "customer", "customer"),
    ...at("streamed", "customer", "customer"),
    ...at("refunded", "customer", "customer"),
    ...at("whole", "provider", "provider"),
    ...at("streamed", "provider", "provider"),
    ...at("refunded", "provider", "provider"),
    ...at("whole", "market", "market"),
    ...at("whole", "market", "customer"),
    ...at("whole", "market", "provider"),
    ...at("whole", "customer", "market"),
    ...at("whole", "provider", "market"),
    ...at("refunded", "market", "market"),
    ...locked.flatMap((kind) => [
      ...at(kind, "customer", "customer"),
      ...at(kind, "provider", "provider")
    ]),
    ...at("escrow", "market", "market"),
    ...at("escrow", "market", "customer"),
    ...at("escrow", "market", "provider"),
    ...at("escrow", "customer", "market"),
    ...at("escrow", "provider", "market"),
    ...at("sealed", "market", "market"),
    ...at("sealed", "market", "customer"),
    ...at("sealed", "market", "provider"),
    ...at("sealed", "customer", "market"),
    ...at("sealed", "provider", "market"),
    ...onSpark.flatMap((kind) =>
      peopleOnSpark(kind).flatMap((name) => [
        ...at(kind, name, name),
        ...at(kind, "operators", name)
      ])
    )
  ]
}

const isOutsider = (watched: Watched): boolean => watched === "market" || watched === "operators"

export const sparkOf = (kind: Kind): ReadonlyArray<string> => {
  const terms: Terms = kinds[kind]
  return terms.spark ?? []
}

const peopleOnSpark = (kind: Kind) =>
  ([customer, provider] as const).filter((name) => sparkOf(kind).includes(name))

const onSpark = allKinds.filter((kind) => sparkOf(kind).length > 0)
const offSpark = allKinds.filter((kind) => sparkOf(kind).length === 0)

const locked = offSpark.filter((kind) => kinds[kind].settlement !== "upfront")

/** Until the payment a purchase is the same whatever becomes of it. */
const stepsOf = (passed: Passed, kind: Kind, watched: Watched): ReadonlyArray<string> => {
  const steps = (passed.get(kind)?.[watched] ?? []).filter(
    (step) => watched !== "operators" || isDone.test(step)
  )
  const known = kind === "whole" ? [] : (passed.get("whole")?.[watched] ?? [])
  const paid = Math.max(0, steps.findIndex(isPayment))
  return [...new Set(steps)].filter((step) => {
    const at = steps.indexOf(step)
    return (
      !isRepeated(step) &&
      !isSameMoment(steps[at - 1], step) &&
      (at >= paid || !known.includes(step))
    )
  })
}

/** What operators and service provider do, and not only tell. */
const isDone =
  /(initiate_preimage_swap|claim_transfer|start_transfer|provide_preimage|store_preimage|RequestLightning)\w*$/

/** Between the end of one step and the next write nothing happens: one of the two stands for both. */
const isSameMoment = (previous: string | undefined, step: string): boolean =>
  previous?.startsWith("after ") === true && /^before (write|commit)/.test(step)

const isPayment = (step: string): boolean =>
  /^before (Payer\.(pay|lock)|commit: bank_\w+ (settled|held)|commit: provider_\w+ running|initiate_preimage_swap)/.test(
    step
  )

/** What is done over and over: leases, look-ups. The first of them stands for all. */
const isRepeated = (step: string): boolean =>
  /(commit|write): (provider|compute)_job #|write: (treasury_spend #|\w+_migrations)|(lookup|balance|info).* #/.test(
    step
  )

/** Where the process talks to relay or bank. */
const isOutside = (step: string): boolean => /publish|Wallet|Payer/.test(step)

/**
 * Takes a town of its own: what a process does in its first life only, and refunds, because who
 * gives nothing but the money back is not asked again.
 */
export const isAlone = ({ at, kind }: Point): boolean =>
  kinds[kind].backend === "failing" ||
  /_migrations|_budget|provider_channel$|provider_job failed$/.test(at)
