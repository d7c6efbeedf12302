/** How an agent lives and how long its money lasts, in words. */
import type { AgentView, LifeState, Runway } from "@farthing/agent"
import * as Show from "../Show.ts"

const meanings: Readonly<Record<LifeState.LifeState, string>> = {
  active: "thinks whenever something happens",
  low_balance: "thinks as before; what it would give away waits for you",
  hibernating: "thinks only when somebody speaks to it",
  dormant: "cannot pay for a thought; wakes when there is money"
}

type Living = Pick<AgentView.AgentView, "life" | "member">

/** One word: whoever is paused does nothing, however it would live. */
export const word = ({ life, member: { isPaused } }: Living): string => (isPaused ? "paused" : life)

export const meaning = (living: Living): string =>
  living.member.isPaused ? "does nothing until it is resumed" : meanings[living.life]

type Running = Runway.Runway | undefined

/** `12.5 days`, `7 hours`; nobody counts further than years. */
export const runway = (runway: Running): string => {
  if (runway === undefined) return "unknown"
  const { days } = runway
  if (days > 3_650) return "10 years or more"
  return days >= 2
    ? counted(Math.floor(days * 10) / 10, "day")
    : counted(Math.floor(days * 24), "hour")
}

const counted = (count: number, unit: string): string =>
  `${count.toLocaleString("en-US")} ${unit}${count === 1 ? "" : "s"}`

/** What the runway is reckoned from. */
export const means = (runway: Running): string => {
  if (runway === undefined) return "its wallet does not answer"
  const { balance, burn, isMeasured } = runway
  const source = isMeasured ? "as its last ticks did" : "as far as is known"
  return burn === 0
    ? `${Show.balance(balance)}, and nothing is burnt so far`
    : `${Show.balance(balance)}, burns ${Show.cost(burn)} a day ${source}`
}

/** When its heart beats next, where somebody lets it live. */
export const heartbeat = (
  { member: { isPaused, nextHeartbeat } }: Pick<AgentView.AgentView, "member">,
  now: number
): string => {
  if (isPaused) return "no heartbeat while it is paused"
  if (nextHeartbeat === undefined)
    return "no heartbeat yet: `--run`, or farthing-worker, lets it live"
  const seconds = (nextHeartbeat - now) / 1000
  return seconds > -patience
    ? `next heartbeat ${seconds < 1 ? "now" : `in ${duration(seconds)}`}`
    : `its heartbeat was due ${Show.ago(-seconds)}: \`--run\`, or farthing-worker, lets it live`
}

/** In seconds: a tick may wait for others. */
const patience = 30

const duration = (seconds: number): string =>
  seconds < 120
    ? `${Math.round(seconds)} s`
    : seconds < 7_200
      ? `${Math.round(seconds / 60)} min`
      : `${Math.round(seconds / 3_600)} h`
