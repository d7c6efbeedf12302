/**
 * Asks the worker again and again how it is, and holds what it says against what is known to be
 * true: which of relay, wallet and backend are up, what stands in its book, what the bank has paid
 * it. What changed a moment ago may not be known yet; everything else has to be true.
 */
import { Clock, Effect, Schema } from "effect"
import { DatabaseSync } from "node:sqlite"
import type * as Switch from "./Switch.ts"
import type * as Town from "./Town.ts"

/** By when a change has to be known, in seconds of the day. */
const knownWithin = 60

/** The provider looks at its backends every half minute, and believes a few failures not at once. */
const announcedWithin = 240

/** A payment that the wallet did not tell of is found by asking. */
const paidWithin = 600

const parts = ["relay", "wallet", "backend", "announced"] as const
type Part = (typeof parts)[number]

const State = Schema.Struct({ ready: Schema.Boolean })
const Readiness = Schema.fromJsonString(
  Schema.Struct({
    ready: Schema.Boolean,
    parts: Schema.Struct({ relay: State, wallet: State, backend: State, announced: State })
  })
)

export interface Witness {
  /** Looks once. */
  readonly look: Effect.Effect<void>
  /** What was said and is not true. */
  readonly findings: () => ReadonlyArray<string>
  /** How often each part was found to be as it was, up or down: `relay down`. */
  readonly agreed: () => Readonly<Record<string, number>>
  /** What stands in the book now. */
  readonly sales: () => Sales
}

/** Jobs and msats by state. */
export type Sales = ReadonlyMap<string, { readonly jobs: number; readonly msats: number }>

/** The worker that is asked; none while it is being started again. */
export interface Watched {
  readonly url: string
  /** Unix milliseconds. */
  readonly since: number
  /** What stood in the book when it was started. */
  readonly before: Sales
}

export const make = Effect.fnUntraced(function* (options: {
  readonly town: Town.Town
  readonly bank: string
  readonly book: string
  readonly watched: () => Watched | undefined
}) {
  const { town, watched } = options
  const findings: Array<string> = []
  let lastBooked: Sales | undefined
  const agreed: Record<string, number> = {}
  const received: Array<{ readonly at: number; readonly msats: number }> = []
  const agree = (name: string): void => {
    agreed[name] = (agreed[name] ?? 0) + 1
  }
  const bank = yield* database(options.bank)
  const book = yield* database(options.book)

  /** What the bank says that the provider got. */
  const income = (): number =>
    Number(
      bank
        .prepare(
          `SELECT COALESCE(SUM(amount), 0) AS sum FROM bank_invoice WHERE account = ? AND state = 'settled'`
        )
        .get("provider")?.["sum"]
    )

  const sales = (): Sales =>
    new Map(
      book
        .prepare(
          `SELECT state, COUNT(*) AS jobs, SUM(COALESCE(amount, 0)) AS msats FROM provider_job GROUP BY state`
        )
        .all()
        .map(({ jobs, msats, state }) => [
          String(state),
          { jobs: Number(jobs), msats: Number(msats) }
        ])
    )

  /** Whether something is up; unknown for a while after a change, and after the worker's start. */
  const truthOf = (
    thing: Switch.Switch,
    now: number,
    since: number,
    within: number
  ): boolean | undefined =>
    now - Math.max(thing.since(), since) < within * 1_000 ? undefined : thing.isUp()

  const truth = (part: Part, now: number, since: number): boolean | undefined => {
    if (part !== "announced") return truthOf(town[part], now, since, knownWithin)
    if (truthOf(town.relay, now, since, knownWithin) === false) return false
    const slowly = [town.relay, town.wallet, town.backend].map((thing) =>
      truthOf(thing, now, since, announcedWithin)
    )
    if (slowly[2] === false) return false
    return slowly.every((isUp) => isUp === true) ? true : undefined
  }

  const get = (url: string) =>
    Effect.promise(async () => {
      const response = await fetch(url)
      return { status: response.status, text: await response.text() }
    })

  const look = Effect.gen(function* () {
    const worker = watched()
    if (worker === undefined) return
    const booked = sales()
    const before = yield* get(`${worker.url}/readyz`)
    const metrics = yield* get(`${worker.url}/metrics`)
    const after = yield* get(`${worker.url}/readyz`)
    const earned = income()
    const now = yield* Clock.currentTimeMillis
    // It may have been told to stop meanwhile.
    if (watched() !== worker) return
    const said = yield* Schema.decodeEffect(Readiness)(before.text)
    const find = (finding: string): void => {
      findings.push(`${new Date(now).toISOString()} ${finding}`)
    }

    for (const part of parts) {
      const known = truth(part, now, worker.since)
      if (known === undefined) continue
      const name = `${part} ${known ? "up" : "down"}`
      if (said.parts[part].ready === known) agree(name)
      else find(`${name}, but it says: ${before.text}`)
    }
    if (said.ready !== parts.every((part) => said.parts[part].ready))
      find(`its parts and the whole differ: ${before.text}`)
    if (before.status !== (said.ready ? 200 : 503)) find(`${before.status} for ${before.text}`)

    const gauge = valuesOf(metrics.text)
    if (before.text === after.text) {
      if (gauge("farthing_worker_ready") !== Number(said.ready)) find("ready is another metric")
      for (const part of parts)
        if (gauge(`farthing_worker_part_ready{part="${part}"}`) !== Number(said.parts[part].ready))
          find(`${part} is another metric`)
    }

    if (same(booked, sales())) {
      for (const [state, { jobs, msats }] of booked) {
        const told = gauge(`farthing_worker_jobs{state="${state}"}`)
        const worth = gauge(`farthing_worker_jobs_msats{state="${state}"}`)
        if (told !== jobs || worth !== msats)
          find(
            `${state}: ${told} jobs, ${worth} msats in the metrics, ${jobs}, ${msats} in the book`
          )
      }
      agree("book")
      // Counted after it is booked; by the next look it is.
      if (lastBooked !== undefined && same(booked, lastBooked)) {
        for (const state of ends) {
          // A provider that waits for its wallet to begin has counted nothing yet.
          const jobs = jobsIn(booked, state) - jobsIn(worker.before, state)
          const counted = gauge(`farthing_provider_jobs_total{state="${state}"}`, 0)
          if (jobs !== counted)
            find(`${counted} jobs were counted as ${state}, ${jobs} were booked`)
        }
        agree("counters")
      }
    }
    lastBooked = booked

    const paid = paidStates.reduce(
      (sum, state) => sum + gauge(`farthing_worker_jobs_msats{state="${state}"}`),
      0
    )
    if (paid > earned) find(`${paid} msats are booked as paid, the bank has paid ${earned}`)
    received.push({ at: now, msats: earned })
    const long = received.findLast(({ at }) => at <= now - paidWithin * 1_000)
    const sees = [town.wallet, town.relay].every(
      (thing) => truthOf(thing, now, worker.since, paidWithin) === true
    )
    if (long !== undefined && sees && paid < long.msats)
      find(`${paid} msats are booked as paid, the bank had paid ${long.msats} long before`)
  }).pipe(Effect.orDie)

  return { look, findings: () => findings, agreed: () => agreed, sales } satisfies Witness
})

/** States that no job leaves, and that the book never forgets, as it does refusals. */
const ends = ["delivered", "refunded", "lost"]

const paidStates = ["paid", "running", "answered", "delivered", "owed", "refunded", "lost"]

const database = (filename: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new DatabaseSync(filename, { readOnly: true, timeout: 5_000 })),
    (open) => Effect.sync(() => open.close())
  )

/** The metrics by name, as they are written; what is not there is no number, or what it counts as. */
const valuesOf = (text: string): ((name: string, absent?: number) => number) => {
  const values = new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))])
  )
  return (name, absent = Number.NaN) => values.get(name) ?? absent
}

const jobsIn = (sales: Sales, state: string): number => sales.get(state)?.jobs ?? 0

const same = (one: Sales, other: Sales): boolean =>
  one.size === other.size &&
  [...one].every(([state, { jobs, msats }]) => {
    const there = other.get(state)
    return there?.jobs === jobs && there.msats === msats
  })
