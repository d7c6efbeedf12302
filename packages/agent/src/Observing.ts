/** What an agent sees at the beginning of a tick, and the prompt that it makes of it. */
import { Clock, Effect, Option } from "effect"
import { randomBytes } from "node:crypto"
import type { Member } from "./AgentBook.ts"
import type { AgentState } from "./AgentState.ts"
import type { Body } from "./Body.ts"
import * as Mail from "./Mail.ts"
import type { Means } from "./Means.ts"
import * as Observation from "./Observation.ts"
import * as Prompt from "./Prompt.ts"
import type { Trigger } from "./Trigger.ts"

/** More letters wait for the next tick. */
const mostLetters = 24

export const observe = Effect.fnUntraced(function* (
  body: Body,
  { charter }: Member,
  {
    means,
    state,
    trigger
  }: {
    readonly trigger: Trigger
    readonly state: AgentState
    readonly means: Means
  }
) {
  const seen: Observation.Observation = {
    ...means,
    trigger,
    now: yield* Clock.currentTimeMillis,
    mail: yield* readMail(body, state.lostUntil),
    goals: state.goals,
    memories: state.memories,
    reports: state.reports
  }
  const bounded = Observation.bounded(seen, body.economy.promptTokens)
  const self = { publicKey: body.signer.publicKey, charter }
  return {
    mail: bounded.mail,
    prompt: Prompt.of(self, bounded, randomBytes(8).toString("hex"))
  }
})

/** The oldest that is unread; what cannot be read, or was heard on a lost machine, is put away. */
const readMail = Effect.fnUntraced(function* ({ book, signer }: Body, lostUntil: number) {
  const letters = yield* book.post.unread(signer.publicKey, mostLetters)
  const read = yield* Effect.forEach(letters, (letter) =>
    Effect.map(Mail.read(signer, letter), (mail) => ({
      id: letter.event.id,
      mail: Option.filter(mail, ({ at }) => at > lostUntil)
    }))
  )
  yield* book.post.discard(
    signer.publicKey,
    read.flatMap(({ id, mail }) => (Option.isNone(mail) ? [id] : []))
  )
  return read.flatMap(({ mail }) => Option.toArray(mail)).toSorted((a, b) => a.at - b.at)
})
