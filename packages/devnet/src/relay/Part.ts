/**
 * A part of what a relay understands: the words that messages begin with, and what is done about
 * each. What a NIP adds to the conversation is one more part.
 */
import type { Arguments } from "./ClientMessage.ts"
import type { Session } from "./Session.ts"

export interface Part {
  readonly verbs: Readonly<Record<string, Verb>>
  /** The connection is gone. */
  readonly leave?: (session: Session) => void
}

/** Done before the next message of anybody is looked at; what it says leaves with the turn. */
export type Verb = (session: Session, args: Arguments) => void
