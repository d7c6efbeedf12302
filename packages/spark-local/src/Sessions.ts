/**
 * Who is calling: a client signs a challenge with its identity key and is known by a token from
 * then on. Tokens do not run out; they are gone with the process.
 */
import { secp256k1 } from "@noble/curves/secp256k1.js"
import { Hex, Secp256k1 } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Effect } from "effect"
import { createHash, randomBytes } from "node:crypto"
import * as Identity from "./Identity.ts"
import { Refused } from "./Refused.ts"

export type Sessions = Effect.Success<typeof make>

/** What a client answers to a challenge. */
export interface Answer {
  readonly nonce: Uint8Array
  /** In which the nonce is. */
  readonly message: Uint8Array
  /** Of the message's sha256; ECDSA, in DER. */
  readonly signature: Uint8Array
  readonly publicKey: Uint8Array
}

export interface Session {
  readonly token: string
  /** Unix seconds. */
  readonly expiresAt: number
}

export const make = Effect.sync(() => {
  const challenges = new Set<string>()
  const sessions = new Map<string, Identity.Identity>()

  return {
    /** 32 bytes that have to be part of what is signed. */
    challenge: Effect.sync(() => {
      const nonce = Uint8Array.from(randomBytes(32))
      challenges.add(Hex.fromBytes(nonce))
      return nonce
    }),

    /** A session for who signed the sha256 of a message with a challenge of ours in it. */
    open: (answer: Answer) =>
      Effect.gen(function* () {
        const isOurs = challenges.delete(Hex.fromBytes(answer.nonce))
        if (!isOurs || !isSigned(answer)) return yield* notProven
        const token = Hex.fromBytes(randomBytes(32))
        sessions.set(token, Identity.fromBytes(answer.publicKey))
        const session: Session = { token, expiresAt: (yield* UnixTime.now) + aYear }
        return session
      }),

    /** By the `Authorization` header of a call. */
    identify: (authorization: string | undefined) =>
      Effect.suspend(() => {
        const identity = sessions.get(authorization?.replace(/^Bearer /, "") ?? "")
        return identity === undefined ? Effect.fail(notProven) : Effect.succeed(identity)
      })
  }
})

const aYear = 365 * 24 * 60 * 60

const isSigned = ({ message, publicKey, signature }: Answer): boolean => {
  const digest = createHash("sha256").update(message).digest()
  try {
    const compact = secp256k1.Signature.fromBytes(signature, "der").toBytes("compact")
    return Secp256k1.ecdsaVerify(compact, digest, publicKey)
  } catch {
    return false
  }
}

const notProven = new Refused({
  code: "UNAUTHENTICATED",
  message: "Unauthorized: the caller has not proved who it is"
})
