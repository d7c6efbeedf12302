import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Cause, Effect, Exit, Redacted, Result } from "effect"
import * as Nip19 from "nostr-tools/nip19"
import { Hex, Key, Secp256k1 } from "../src/index.ts"

const secretKey = Arbitrary.map(
  Arbitrary.filter(Arbitrary.schema(Hex.ofBytes(32)), (hex) =>
    Secp256k1.isSecretKey(Hex.toBytes(hex))
  ),
  (hex): Key.SecretKey => Redacted.make(hex)
)

const order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"

describe("NIP-19", () => {
  const npub = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
  const publicHex = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
  const nsec = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
  const secretHex = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"

  it("its examples are read and written", () => {
    const publicKey = Result.getOrThrow(Key.parsePublic(npub))
    assert.strictEqual(publicKey, publicHex)
    assert.strictEqual(Key.formatPublic(publicKey), npub)
    const secret = Result.getOrThrow(Key.parseSecret(Redacted.make(nsec)))
    assert.strictEqual(Redacted.value(secret), secretHex)
    assert.strictEqual(Redacted.value(Key.formatSecret(secret)), nsec)
  })

  it("hex is read in both cases, and white space around a key is ignored", () => {
    for (const text of [publicHex, publicHex.toUpperCase(), ` ${npub}\n`, npub.toUpperCase()])
      assert.strictEqual(Result.getOrThrow(Key.parsePublic(text)), publicHex)
    for (const text of [secretHex, `${nsec}\n`]) {
      const secret = Result.getOrThrow(Key.parseSecret(Redacted.make(text)))
      assert.strictEqual(Redacted.value(secret), secretHex)
    }
  })

  it("what is no public key is refused", () => {
    const notOnTheCurve = "eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34"
    for (const text of [
      "",
      "npub1",
      nsec,
      npub.slice(0, -1),
      npub.replace("0e", "0E"),
      `${npub.slice(0, -1)}q`,
      publicHex.slice(1),
      `${publicHex}00`,
      "f".repeat(64),
      "0".repeat(64),
      notOnTheCurve,
      Nip19.noteEncode(publicHex),
      Nip19.nprofileEncode({ pubkey: publicHex })
    ])
      assert.isTrue(Result.isFailure(Key.parsePublic(text)), text)
  })

  it("what is no secret key is refused, and the refusal does not tell it", () => {
    for (const text of [
      "0".repeat(64),
      order,
      "f".repeat(64),
      npub,
      secretHex.slice(1),
      "hunter2"
    ]) {
      const refused = Key.parseSecret(Redacted.make(text))
      assert.isTrue(Result.isFailure(refused), text)
      if (Result.isFailure(refused)) {
        assert.instanceOf(refused.failure, Key.InvalidKey)
        assert.notInclude(`${refused.failure.stack}${JSON.stringify(refused.failure)}`, text)
      }
    }
  })

  it.prop("agrees with nostr-tools", [secretKey], ([secret]) => {
    const publicKey = Key.publicKeyOf(secret)
    assert.strictEqual(Key.formatPublic(publicKey), Nip19.npubEncode(publicKey))
    const nsec = Key.formatSecret(secret)
    assert.strictEqual(Redacted.value(nsec), Nip19.nsecEncode(Key.secretBytes(secret)))
    assert.strictEqual(
      Redacted.value(Result.getOrThrow(Key.parseSecret(nsec))),
      Redacted.value(secret)
    )
    assert.strictEqual(Result.getOrThrow(Key.parsePublic(Key.formatPublic(publicKey))), publicKey)
  })
})

describe("BIP-39", () => {
  const phrase = `${"abandon ".repeat(11)}about`

  it.effect("gives the seed of its own first vector, without a passphrase", () =>
    Effect.gen(function* () {
      const seed = yield* Key.seedOf(Redacted.make(phrase))
      assert.strictEqual(
        Hex.fromBytes(Redacted.value(seed)),
        "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1" +
          "9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4"
      )
    })
  )

  it.effect("gives none for words whose checksum is wrong", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Key.seedOf(Redacted.make("abandon ".repeat(12))))
      assert.strictEqual(error._tag, "InvalidKey")
    })
  )
})

describe("NIP-06", () => {
  const vectors = [
    {
      mnemonic: "leader monkey parrot ring guide accident before fence cannon height naive bean",
      nsec: "nsec10allq0gjx7fddtzef0ax00mdps9t2kmtrldkyjfs8l5xruwvh2dq0lhhkp",
      npub: "npub1zutzeysacnf9rru6zqwmxd54mud0k44tst6l70ja5mhv8jjumytsd2x7nu"
    },
    {
      mnemonic:
        "what bleak badge arrange retreat wolf trade produce cricket blur garlic valid proud rude strong choose busy staff weather area salt hollow arm fade",
      nsec: "nsec1c9wh8xy5eqdzln7n5t0ctgxjcrdug73gp5yj0x03gntn67h83twssdfhel",
      npub: "npub16sdj9zv4f8sl85e45vgq9n7nsgt5qphpvmf7vk8r5hhvmdjxx4es8rq74h"
    }
  ]

  for (const { mnemonic, npub, nsec } of vectors)
    it.effect(`its example "${mnemonic.split(" ", 2).join(" ")} …"`, () =>
      Effect.gen(function* () {
        const secret = yield* Key.fromMnemonic(Redacted.make(mnemonic))
        assert.strictEqual(Redacted.value(Key.formatSecret(secret)), nsec)
        assert.strictEqual(Key.formatPublic(Key.publicKeyOf(secret)), npub)
      })
    )

  const phrase = vectors[0]!.mnemonic

  it.effect("each account has a key of its own", () =>
    Effect.gen(function* () {
      const keys = yield* Effect.forEach([0, 1, 2, 2 ** 31 - 1], (account) =>
        Effect.map(Key.fromMnemonic(Redacted.make(phrase), account), Redacted.value)
      )
      assert.strictEqual(new Set(keys).size, 4)
    })
  )

  it.effect("lines, spaces and capitals at the edges do no harm to the words", () =>
    Effect.gen(function* () {
      const tidy = yield* Key.fromMnemonic(Redacted.make(phrase))
      const untidy = yield* Key.fromMnemonic(Redacted.make(`  ${phrase.replaceAll(" ", "\n ")}\n`))
      assert.strictEqual(Redacted.value(untidy), Redacted.value(tidy))
    })
  )

  it.effect("a wrong mnemonic or account is refused, and the refusal does not tell it", () =>
    Effect.gen(function* () {
      const wrong = phrase.replace("bean", "leader")
      for (const [mnemonic, account] of [
        [wrong, 0],
        [phrase.replace("bean", "beam"), 0],
        [phrase.split(" ").slice(1).join(" "), 0],
        ["", 0],
        [phrase, -1],
        [phrase, 2 ** 31],
        [phrase, 0.5]
      ] as const) {
        const exit = yield* Effect.exit(Key.fromMnemonic(Redacted.make(mnemonic), account))
        assert.isTrue(Exit.isFailure(exit))
        if (Exit.isFailure(exit)) {
          assert.instanceOf(Cause.squash(exit.cause), Key.InvalidKey)
          assert.notInclude(Cause.pretty(exit.cause), "monkey")
        }
      }
    })
  )

  it.effect("a new mnemonic has twelve words and a key", () =>
    Effect.gen(function* () {
      const mnemonic = yield* Key.generateMnemonic
      assert.notStrictEqual(Redacted.value(mnemonic), Redacted.value(yield* Key.generateMnemonic))
      assert.strictEqual(Redacted.value(mnemonic).split(" ").length, 12)
      const secret = yield* Key.fromMnemonic(mnemonic)
      assert.isTrue(Secp256k1.isSecretKey(Key.secretBytes(secret)))
    })
  )
})

describe("A secret key", () => {
  it("is new each time", () => {
    const keys = Array.from({ length: 20 }, () => Redacted.value(Key.generate()))
    assert.strictEqual(new Set(keys).size, 20)
  })

  it("is not printed", () => {
    const secret = Key.generate()
    const hex = Redacted.value(secret)
    assert.notInclude(`${String(secret)} ${JSON.stringify({ secret })}`, hex)
  })

  it.prop("signs what its public key verifies", [secretKey], ([secret]) => {
    const message = new Uint8Array(32).fill(9)
    const publicKey = Hex.toBytes(Key.publicKeyOf(secret))
    assert.isTrue(Secp256k1.schnorrVerify(Key.sign(secret, message), message, publicKey))
  })
})
