import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Challenge, ProtectedChallenge } from "../src/AuthenticationApi.ts"
import { message, string } from "../src/Protobuf.ts"

const Natural = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

describe("Messages of protocol buffers", () => {
  it.effect("are written as the specification says", () =>
    Effect.sync(() => {
      const bytes = Challenge.encode({
        version: 1,
        timestamp: 300,
        nonce: Uint8Array.of(7, 8),
        publicKey: new Uint8Array()
      }).finish()
      assert.deepStrictEqual([...bytes], [0x08, 1, 0x10, 0xac, 0x02, 0x1a, 2, 7, 8])
    })
  )

  it.effect.prop(
    "are read as they were written",
    [Natural, Natural, Schema.Uint8Array, Schema.Uint8Array],
    ([version, timestamp, nonce, publicKey]) =>
      Effect.sync(() => {
        const value = {
          version,
          challenge: { version, timestamp, nonce, publicKey },
          serverHmac: nonce
        }
        const read = ProtectedChallenge.decode(ProtectedChallenge.encode(value).finish())
        assert.deepStrictEqual(read, value)
      })
  )

  it.effect("may have fields that nobody here knows", () =>
    Effect.sync(() => {
      const newer = message<{ readonly old: string; readonly added: string }>({
        old: [1, string],
        added: [2, string]
      })
      const older = message<{ readonly old: string }>({ old: [1, string] })
      const bytes = newer.encode({ old: "one", added: "two" }).finish()
      assert.deepStrictEqual(older.decode(bytes), { old: "one" })
    })
  )
})
