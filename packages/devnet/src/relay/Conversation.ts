/**
 * What the relay does with what clients say: every message of every connection in the order of
 * its arrival, one after the other. So what a subscription is sent as stored and what it is sent
 * live neither overlap nor leave a gap, and a client finds what it published before it asked.
 *
 * Messages that arrive together are one turn. Its events are one transaction: they go to whoever
 * listens at once, the disk is written once for all of them, and the `OK` of each comes after it.
 */
import { Result } from "effect"
import * as ClientMessage from "./ClientMessage.ts"
import type { Limits } from "./Limits.ts"
import type { Outbox } from "./Outbox.ts"
import type { Part, Verb } from "./Part.ts"
import type { Publishing } from "./Publishing.ts"
import type { Session } from "./Session.ts"

export interface Options {
  readonly publishing: Publishing
  readonly others: ReadonlyArray<Part>
  readonly limits: Limits
  readonly outbox: Outbox
  /** What should not have happened. */
  readonly report: (cause: unknown) => void
}

export interface Incoming {
  readonly session: Session
  /** One frame; a binary one has no text. */
  readonly text: Buffer | undefined
}

export interface Conversation {
  readonly handle: (messages: ReadonlyArray<Incoming>) => void
  readonly leave: (session: Session) => void
}

export const make = ({ limits, others, outbox, publishing, report }: Options): Conversation => {
  const parts: ReadonlyArray<Part> = [publishing, ...others]
  const verbs = new Map<string, Verb>(parts.flatMap((part) => Object.entries(part.verbs)))

  const hear = ({ session, text }: Incoming): void => {
    if (text === undefined) return session.notice("invalid: text frames only")
    const message = ClientMessage.decode(text, limits)
    if (Result.isFailure(message)) return ClientMessage.refuse(session, message.failure)
    const [word, ...args] = message.success
    const verb = verbs.get(word)
    if (verb === undefined) return session.notice("invalid: unknown type of message")
    try {
      verb(session, args)
    } catch (cause) {
      report(cause)
      session.notice("error: the message could not be handled")
    }
  }

  return {
    handle: (messages) => {
      messages.forEach(hear)
      outbox.flush()
      publishing.commit(outbox.flush)
    },
    leave: (session) => parts.forEach((part) => part.leave?.(session))
  }
}
