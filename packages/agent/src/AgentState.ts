/**
 * What an agent carries from one tick to the next: its goals, what it remembers, what became of
 * its last actions, and how it lived. Plain data; every change makes a new state.
 */
import { Schema } from "effect"
import { LifeState } from "./LifeState.ts"
import * as Runway from "./Runway.ts"

const Words = Schema.String.check(Schema.isMaxLength(500))

/** Ids are never used twice; goals of a person are for a person to take away. */
export const Goal = Schema.Struct({
  id: Schema.String,
  text: Words,
  from: Schema.Literals(["person", "self"])
})
export interface Goal extends Schema.Schema.Type<typeof Goal> {}

export const Memory = Schema.Struct({
  id: Schema.String,
  text: Words,
  /** Whether it was made in a tick in which others spoke: then it may be theirs. */
  heard: Schema.Boolean
})
export interface Memory extends Schema.Schema.Type<typeof Memory> {}

export const AgentState = Schema.Struct({
  /** How many ticks were begun, ever. */
  ticks: Schema.Int,
  /** Goals and memories so far, ever. */
  named: Schema.Int,
  life: Schema.optionalKey(LifeState),
  goals: Schema.Array(Goal),
  /** Oldest first. */
  memories: Schema.Array(Memory),
  /** What the last ticks cost, oldest first. */
  samples: Schema.Array(Runway.Sample),
  /** What the agent is to know of its last actions. */
  reports: Schema.Array(Words),
  /** Unix seconds: the date of the newest that was heard. */
  heardUntil: Schema.Int,
  /** Unix seconds: when the machine was lost, what was said until then was heard. */
  lostUntil: Schema.Int
})
export interface AgentState extends Schema.Schema.Type<typeof AgentState> {}

export const initial: AgentState = {
  ticks: 0,
  named: 0,
  goals: [],
  memories: [],
  samples: [],
  reports: [],
  heardUntil: 0,
  lostUntil: 0
}

const mostGoals = 16
const mostOwnGoals = 8
const mostMemories = 200
const mostReports = 12

/** A goal of a person, or of the agent itself, which makes room among its own. */
export const adopt = (state: AgentState, text: string, from: Goal["from"]): AgentState => {
  if (state.goals.some((goal) => goal.text === text)) return state
  const named = state.named + 1
  const goals = [...state.goals, { id: `g${named}`, text: text.slice(0, 500), from }]
  return { ...state, named, goals: lastOf(lastOf(goals, mostOwnGoals, isOwn), mostGoals, isOwn) }
}

const isOwn = ({ from }: Goal): boolean => from === "self"

/** Lets go of the oldest of some kind until no more are left than `most`, if that can be. */
const lastOf = (
  goals: ReadonlyArray<Goal>,
  most: number,
  isLoose: (goal: Goal) => boolean
): ReadonlyArray<Goal> => {
  const counted = most === mostGoals ? goals.length : goals.filter(isLoose).length
  let surplus = counted - most
  return goals.filter((goal) => !isLoose(goal) || surplus-- <= 0)
}

export const remember = (state: AgentState, text: string, heard: boolean): AgentState => {
  if (state.memories.some((memory) => memory.text === text)) return state
  const named = state.named + 1
  const memory = { id: `m${named}`, text: text.slice(0, 500), heard }
  return { ...state, named, memories: [...state.memories, memory].slice(-mostMemories) }
}

/** What the agent may let go of itself: a memory, or a goal of its own. */
export const canForget = (state: AgentState, id: string): boolean =>
  state.memories.some((memory) => memory.id === id) ||
  state.goals.some((goal) => goal.id === id && isOwn(goal))

export const forget = (state: AgentState, id: string): AgentState =>
  canForget(state, id) ? drop(state, id) : state

/** Whatever has that id, whoever it is from. */
export const drop = (state: AgentState, id: string): AgentState => ({
  ...state,
  goals: state.goals.filter((goal) => goal.id !== id),
  memories: state.memories.filter((memory) => memory.id !== id)
})

export const report = (state: AgentState, ...words: ReadonlyArray<string>): AgentState => ({
  ...state,
  reports: [...state.reports, ...words.map((text) => text.slice(0, 500))].slice(-mostReports)
})

/**
 * The same in no more than so many bytes by a measure: first without reports, then without what was
 * remembered longest ago, then without goals of its own.
 */
export const compact = (
  state: AgentState,
  most: number,
  measure: (state: AgentState) => number
): AgentState => {
  if (measure(state) <= most) return state
  const silent = { ...state, reports: [] }
  const fits = (kept: number): AgentState => ({ ...silent, memories: state.memories.slice(kept) })
  let dropped = 0
  while (dropped < state.memories.length && measure(fits(dropped)) > most)
    dropped += Math.max(1, Math.ceil((state.memories.length - dropped) / 16))
  const lean = fits(Math.min(dropped, state.memories.length))
  return measure(lean) <= most
    ? lean
    : { ...lean, samples: [], goals: state.goals.filter((goal) => !isOwn(goal)) }
}
