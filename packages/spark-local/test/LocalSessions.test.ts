import { secp256k1 } from "@noble/curves/secp256k1.js"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import * as Identity from "../src/Identity.ts"
import * as Sessions from "../src/Sessions.ts"

const sign = (message: Uint8Array, { secret }: Identity.KeyPair) =>
  secp256k1.sign(createHash("sha256").update(message).digest(), secret, {
    prehash: false,
    format: "der"
  })

/** What a client answers to a challenge, and the key that it says is its own. */
const answer = (nonce: Uint8Array, signer: Identity.KeyPair, claimed = signer) => ({
  nonce,
  message: nonce,
  signature: sign(nonce, signer),
  publicKey: claimed.publicKey
})

describe("A session", () => {
  it.effect("is for the key that signed the challenge", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions.make
      const alice = yield* Identity.generate
      const { token } = yield* sessions.open(answer(yield* sessions.challenge, alice))
      assert.strictEqual(yield* sessions.identify(`Bearer ${token}`), alice.identity)
    })
  )

  it.effect(
    "is not for who signs with another key, or signs an old challenge or none of ours",
    () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions.make
        const alice = yield* Identity.generate
        const mallory = yield* Identity.generate
        const refused = (given: Sessions.Answer) =>
          Effect.map(Effect.flip(sessions.open(given)), ({ code }) =>
            assert.strictEqual(code, "UNAUTHENTICATED")
          )
        yield* refused(answer(yield* sessions.challenge, mallory, alice))
        yield* refused(answer(new Uint8Array(32), alice))
        const nonce = yield* sessions.challenge
        yield* refused({ ...answer(nonce, alice), signature: Uint8Array.of(1, 2, 3) })
        const used = yield* sessions.challenge
        yield* sessions.open(answer(used, alice))
        yield* refused(answer(used, alice))
      })
  )

  it.effect("is known by its token alone", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions.make
      for (const header of [undefined, "", "Bearer ", `Bearer ${"00".repeat(32)}`]) {
        const { code } = yield* Effect.flip(sessions.identify(header))
        assert.strictEqual(code, "UNAUTHENTICATED")
      }
    })
  )
})
