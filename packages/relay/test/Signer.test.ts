import { assert, describe, it } from "@effect/vitest"
import { Hex, Key, NostrEvent } from "@farthing/protocol"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { inspect } from "node:util"
import { Signer } from "../src/index.ts"
import { alice, bob } from "./fixtures.ts"

interface Vector {
  readonly sec1: string
  readonly sec2: string
  readonly conversation_key: string
  readonly nonce: string
  readonly plaintext: string
  readonly payload: string
}

const vectors: ReadonlyArray<Vector> = JSON.parse(
  readFileSync(join(import.meta.dirname, "vectors/nip44.json"), "utf8")
).encrypted

const draft = { kind: 1, tags: [["t", "x"]], content: "hello" }

describe("Signer", () => {
  it.effect("signs events, dated by the Clock", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_234_567_890_999)
      const event = yield* Signer.make(alice).sign(draft)
      assert.deepInclude(event, {
        ...draft,
        pubkey: Key.publicKeyOf(alice),
        created_at: 1_234_567_890
      })
      assert.isTrue(NostrEvent.verify(event))
      const dated = yield* Signer.make(alice).sign({ ...draft, created_at: 7 })
      assert.strictEqual(dated.created_at, 7)
    })
  )

  it.effect("decrypts what a peer encrypted, and its own", () =>
    Effect.gen(function* () {
      const [mine, theirs] = [Signer.make(alice), Signer.make(bob)]
      const payload = yield* mine.encrypt(theirs.publicKey, "for you: \u{1f512}")
      assert.strictEqual(yield* theirs.decrypt(mine.publicKey, payload), "for you: \u{1f512}")
      assert.strictEqual(yield* mine.decrypt(theirs.publicKey, payload), "for you: \u{1f512}")
      assert.notStrictEqual(yield* mine.encrypt(theirs.publicKey, "for you: \u{1f512}"), payload)
    })
  )

  it.effect.each(vectors)(
    "agrees with NIP-44 on $nonce",
    ({ conversation_key, payload, plaintext, sec1, sec2 }) =>
      Effect.gen(function* () {
        const [one, other] = [Redacted.make(sec1), Redacted.make(sec2)]
        for (const [mine, theirs] of [
          [one, other],
          [other, one]
        ] as const) {
          const signer = Signer.make(mine)
          const peer = Key.publicKeyOf(theirs)
          const key = yield* signer.conversationKey(peer)
          assert.strictEqual(Hex.fromBytes(Redacted.value(key)), conversation_key)
          assert.strictEqual(yield* signer.decrypt(peer, payload), plaintext)
        }
      })
  )

  it.effect("shares with itself a secret that it shares with nobody else", () =>
    Effect.gen(function* () {
      const [mine, theirs] = [Signer.make(alice), Signer.make(bob)]
      const own = yield* mine.conversationKey(mine.publicKey)
      assert.lengthOf(Redacted.value(own), 32)
      assert.notDeepEqual(
        Redacted.value(own),
        Redacted.value(yield* mine.conversationKey(theirs.publicKey))
      )
      assert.notDeepEqual(
        Redacted.value(own),
        Redacted.value(yield* theirs.conversationKey(mine.publicKey))
      )
      assert.notInclude(inspect(own) + String(own), Hex.fromBytes(Redacted.value(own)))
    })
  )

  it.effect("carries 1 to 65,535 bytes", () =>
    Effect.gen(function* () {
      const signer = Signer.make(alice)
      const most = "\u00e9".repeat(32_767) + "x"
      const payload = yield* signer.encrypt(signer.publicKey, most)
      assert.strictEqual(payload.length, 87_472)
      assert.strictEqual(yield* signer.decrypt(signer.publicKey, payload), most)
      for (const text of ["", `${most}x`])
        assert.instanceOf(
          yield* Effect.flip(signer.encrypt(signer.publicKey, text)),
          Signer.EncryptionError
        )
    })
  )

  it.effect("refuses what is not for this pair of keys", () =>
    Effect.gen(function* () {
      const signer = Signer.make(alice)
      const payload = yield* signer.encrypt(signer.publicKey, "secret")
      const tampered = `${payload.slice(0, 60)}${payload[60] === "A" ? "B" : "A"}${payload.slice(61)}`
      for (const wrong of ["", "?", "#later", tampered, payload.repeat(1_000)])
        assert.instanceOf(
          yield* Effect.flip(signer.decrypt(signer.publicKey, wrong)),
          Signer.EncryptionError
        )
      const notOnCurve = Hex.fromBytes(new Uint8Array(32).fill(255)) as Key.PublicKey
      assert.instanceOf(yield* Effect.flip(signer.encrypt(notOnCurve, "x")), Signer.EncryptionError)
      assert.instanceOf(
        yield* Effect.flip(signer.conversationKey(notOnCurve)),
        Signer.EncryptionError
      )
      assert.instanceOf(
        yield* Effect.flip(signer.decrypt(Key.publicKeyOf(bob), payload)),
        Signer.EncryptionError
      )
    })
  )

  it("never shows its secret", () => {
    const signer = Signer.make(alice)
    const shown = inspect(signer, { depth: 10, showHidden: true }) + JSON.stringify(signer)
    assert.notInclude(shown, Redacted.value(alice))
  })

  it.effect("is derived from a mnemonic as NIP-06 says", () =>
    Effect.gen(function* () {
      const signer = yield* Signer.Signer
      assert.strictEqual(
        signer.publicKey,
        "17162c921dc4d2518f9a101db33695df1afb56ab82f5ff3e5da6eec3ca5cd917"
      )
    }).pipe(
      Effect.provide(
        Signer.layerMnemonic(
          Redacted.make(
            "leader monkey parrot ring guide accident before fence cannon height naive bean"
          )
        )
      )
    )
  )
})
