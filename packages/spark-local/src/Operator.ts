/** One of the operators, who together hold the other key to every leaf. */
import { Effect } from "effect"
import * as Identity from "./Identity.ts"

export interface Operator {
  readonly id: number
  /** 32 bytes in hex, from 1 on. */
  readonly identifier: string
  readonly key: Identity.KeyPair
}

/** The first of them coordinates. */
export type Operators = readonly [Operator, Operator, Operator]

const make = (id: number): Effect.Effect<Operator> =>
  Effect.map(Identity.generate, (key) => ({
    id,
    identifier: (id + 1).toString(16).padStart(64, "0"),
    key
  }))

export const makeThree: Effect.Effect<Operators> = Effect.all([make(0), make(1), make(2)])
