/** NIP-42 on one connection: we say who we are once a relay insists on it, not before. */
import { Effect } from "effect"
import type * as Signer from "./Signer.ts"

/** Learns whether the relay took our word. */
export type Waiting = (accepted: boolean, message: string) => void

export interface Authentication {
  /** The relay's challenge (AUTH). */
  readonly challenged: (challenge: string) => void
  /** The relay's OK; false if it is about another event. */
  readonly answered: (id: string, accepted: boolean, message: string) => boolean
  /** Someone was told `auth-required:`. */
  readonly request: (waiting: Waiting) => void
  /** The connection is gone, and its challenge with it. */
  readonly reset: () => void
}

/** `kind` of the event that answers a challenge. */
const authenticationKind = 22_242

/**
 * How many proofs in a row, of one connection, a relay may leave without a yes. One that asks
 * anew instead of answering would have us sign for ever.
 */
const mostProofs = 4

export const make = (options: {
  readonly url: string
  readonly signer: Signer.Shape | undefined
  readonly send: (frame: string) => void
  readonly fork: (effect: Effect.Effect<void>) => void
}): Authentication => {
  const { signer, url } = options
  let challenge: string | undefined
  let answer: string | undefined
  let accepted = false
  let proofs = 0
  let waiting: Array<Waiting> = []

  const tellAll = (ok: boolean, message: string): void => {
    const told = waiting
    waiting = []
    for (const tell of told) tell(ok, message)
  }

  const respond = (signer: Signer.Shape, to: string): void => {
    if (proofs >= mostProofs) return tellAll(false, "auth-required: no proof is enough")
    proofs++
    options.fork(prove(signer, to))
  }

  const prove = (signer: Signer.Shape, to: string) =>
    Effect.map(
      signer.sign({
        kind: authenticationKind,
        tags: [
          ["relay", url],
          ["challenge", to]
        ],
        content: ""
      }),
      (event) => {
        if (challenge !== to) return
        answer = event.id
        options.send(JSON.stringify(["AUTH", event]))
      }
    )

  return {
    challenged: (next) => {
      challenge = next
      answer = undefined
      accepted = false
      if (signer !== undefined && waiting.length > 0) respond(signer, next)
    },
    answered: (id, ok, message) => {
      if (id !== answer) return false
      answer = undefined
      accepted = ok
      if (ok) proofs = 0
      tellAll(ok, message)
      return true
    },
    request: (tell) => {
      if (signer === undefined) return tell(false, "auth-required: there is no signer")
      if (accepted) return tell(true, "")
      waiting.push(tell)
      if (waiting.length === 1 && challenge !== undefined) respond(signer, challenge)
    },
    reset: () => {
      challenge = undefined
      answer = undefined
      accepted = false
      proofs = 0
      waiting = []
    }
  }
}
