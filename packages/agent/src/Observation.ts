/** What an agent sees when it begins to think: bounded, whatever others send. */
import type { Msat } from "@farthing/protocol"
import type { AgentState } from "./AgentState.ts"
import type { LifeState } from "./LifeState.ts"
import type { Mail } from "./Mail.ts"
import type { Runway } from "./Runway.ts"
import type { Trigger } from "./Trigger.ts"

export interface Observation {
  readonly trigger: Trigger
  /** Unix milliseconds. */
  readonly now: number
  readonly mail: ReadonlyArray<Mail>
  readonly goals: AgentState["goals"]
  readonly memories: AgentState["memories"]
  readonly reports: AgentState["reports"]
  readonly life: LifeState
  readonly runway: Runway
  readonly budget: Budget
}

export interface Budget {
  readonly perTick: Msat.Msat
  readonly spentToday: Msat.Msat
  /** Undefined without a daily limit. */
  readonly leftToday: Msat.Msat | undefined
}

/** By what a prompt is measured, rather too high than too low. */
export const tokensOf = (text: string): number => Math.ceil(Buffer.byteLength(text) / 3)

/** What others said may take so much of the room, and memories so much. */
const shares = { mail: 0.5, memories: 0.25, reports: 0.1 }

/** The same in no more than about so many tokens: the newest of everything, and all the goals. */
export const bounded = (seen: Observation, tokens: number): Observation => ({
  ...seen,
  mail: newest(seen.mail, tokens * shares.mail, ({ text }) => text),
  memories: newest(seen.memories, tokens * shares.memories, ({ text }) => text),
  reports: newest(seen.reports, tokens * shares.reports, (text) => text)
})

/** What stands around a text: names, times, marks. */
const overhead = 60

/** Of what stands oldest first. */
const newest = <A>(
  all: ReadonlyArray<A>,
  tokens: number,
  textOf: (one: A) => string
): ReadonlyArray<A> => {
  let left = tokens
  const from = all.findLastIndex((one) => (left -= tokensOf(textOf(one)) + overhead) < 0)
  return all.slice(from + 1)
}

/** Who wrote to the agent itself, so that it may answer. */
export const correspondents = ({ mail }: Pick<Observation, "mail">) =>
  new Set(mail.flatMap(({ from, kind }) => (kind === "zap" ? [] : [from])))
