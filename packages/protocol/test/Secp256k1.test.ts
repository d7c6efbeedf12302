import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js"
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary } from "effect"
import { createHmac } from "node:crypto"
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Addon from "../src/curve/Addon.ts"
import * as Curve from "../src/curve/Curve.ts"
import * as Native from "../src/curve/Native.ts"
import * as Noble from "../src/curve/Noble.ts"
import * as Schnorr from "../src/curve/Schnorr.ts"
import * as Wasm from "../src/curve/Wasm.ts"
import { Hex, Secp256k1 } from "../src/index.ts"

const bytes = (hex: string): Uint8Array => Hex.toBytes(hex)
const number = (value: bigint): Uint8Array => bytes(value.toString(16).padStart(64, "0"))

const n = BigInt(`0x${Curve.order.toString("hex")}`)
const p = 2n ** 256n - 2n ** 32n - 977n

const toNumber = (d: Uint8Array): bigint => BigInt(`0x${Hex.fromBytes(d)}`)
const xOf = (d: Uint8Array): bigint => toNumber(Secp256k1.publicKey(d))

/** Runs of a property in which the slow implementation works much. */
const few = { arbitrary: { runs: 30 } }

const bytes32 = Arbitrary.map(Arbitrary.schema(Hex.ofBytes(32)), bytes)
const secret = Arbitrary.filter(bytes32, Curve.isSecretKey)

/** Every implementation that this platform can load; all but the native one always can. */
const implementations = [Native.load(), Wasm.load(), Noble.curve]
  .filter((curve) => curve !== undefined)
  .map(Curve.checked)

/** What all implementations answer, which has to be the same. */
const agreed = <A>(ask: (curve: Curve.Curve) => A): A => {
  const [first, ...others] = implementations.map(ask)
  for (const other of others) assert.deepStrictEqual(other, first)
  return first!
}

const withBitFlipped = (input: Uint8Array, bit: number): Uint8Array => {
  const flipped = Uint8Array.from(input)
  flipped[bit >> 3]! ^= 1 << (bit & 7)
  return flipped
}

/** The module and these packages in a place of their own, as in a bundle. */
const implementationWith = (...packages: ReadonlyArray<string>): string => {
  const place = mkdtempSync(join(tmpdir(), "curve-"))
  try {
    const source = join(import.meta.dirname, "../src")
    cpSync(join(source, "curve"), join(place, "curve"), { recursive: true })
    cpSync(join(source, "Secp256k1.ts"), join(place, "Secp256k1.ts"))
    mkdirSync(join(place, "node_modules/@noble"), { recursive: true })
    for (const name of packages)
      symlinkSync(join(source, "../node_modules", name), join(place, "node_modules", name))
    const script = `import { implementation } from "./Secp256k1.ts"
      process.stdout.write(implementation)`
    return execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: place,
      encoding: "utf8",
      env: { ...process.env, NODE_PATH: "" }
    })
  } finally {
    rmSync(place, { recursive: true })
  }
}

describe("The implementation", () => {
  it("is the fastest that is present", () => {
    assert.strictEqual(Secp256k1.implementation, implementations[0]?.implementation)
    assert.includeMembers(
      implementations.map((curve) => curve.implementation),
      ["wasm", "noble"]
    )
  })

  it("is WebAssembly where the addon is missing", () => {
    assert.strictEqual(implementationWith("tiny-secp256k1", "@noble/curves"), "wasm")
  })

  it("is JavaScript where all else is missing", () => {
    assert.strictEqual(implementationWith("@noble/curves"), "noble")
  })
})

describe.each(implementations)("BIP-340 vectors, $implementation", (curve) => {
  const rows = readFileSync(join(import.meta.dirname, "vectors/bip340.csv"), "utf8")
    .trim()
    .split("\n")
    .slice(1)
    .map((row) => {
      const [index, secretKey, publicKey, aux, message, signature, result, comment] = row.split(",")
      return { index, secretKey, publicKey, aux, message, signature, result, comment }
    })

  it.each(rows)("$index $comment", ({ aux, message, publicKey, result, secretKey, signature }) => {
    assert.strictEqual(
      curve.schnorrVerify(bytes(signature!), bytes(message!), bytes(publicKey!)),
      result === "TRUE"
    )
    if (secretKey === undefined || secretKey === "") return
    assert.strictEqual(
      Hex.fromBytes(curve.publicKeyCompressed(bytes(secretKey)).subarray(1)),
      publicKey!.toLowerCase()
    )
    assert.strictEqual(
      Hex.fromBytes(curve.schnorrSigner(bytes(secretKey))(bytes(message!), bytes(aux!))),
      signature!.toLowerCase()
    )
  })
})

describe.each(implementations)("NIP-44 conversation keys, $implementation", (curve) => {
  const vectors: Record<
    "conversationKey" | "noConversationKey",
    ReadonlyArray<KeyVector>
  > = JSON.parse(readFileSync(join(import.meta.dirname, "vectors/nip44.json"), "utf8"))

  it.each(vectors.conversationKey)("$sec1", ({ conversation_key, pub2, sec1 }) => {
    const shared = curve.sharedX(bytes(sec1), bytes(pub2))
    const key = createHmac("sha256", "nip44-v2").update(shared).digest("hex")
    assert.strictEqual(key, conversation_key)
  })

  it.each(vectors.noConversationKey)("none: $note", ({ pub2, sec1 }) => {
    assert.throws(() => curve.sharedX(bytes(sec1), bytes(pub2)), RangeError, /^not a \w+ key$/)
  })
})

interface KeyVector {
  readonly sec1: string
  readonly pub2: string
  readonly conversation_key?: string
  readonly note?: string
}

describe("All implementations agree", () => {
  it.prop("on public keys", [secret], ([d]) => {
    const publicKey = agreed((curve) => Hex.fromBytes(curve.publicKeyCompressed(d)))
    assert.isTrue(agreed((curve) => curve.isPublicKey(bytes(publicKey.slice(2)))))
  })

  it.prop("on which x coordinates have a point", [bytes32], ([x]) => {
    agreed((curve) => curve.isPublicKey(x))
  })

  it.prop(
    "on what two keys share, from either side",
    [secret, secret],
    ([d, e]) => {
      const [mine, theirs] = [Secp256k1.publicKey(d), Secp256k1.publicKey(e)]
      const shared = agreed((curve) => Hex.fromBytes(curve.sharedX(d, theirs)))
      assert.strictEqual(
        agreed((curve) => Hex.fromBytes(curve.sharedX(e, mine))),
        shared
      )
    },
    few
  )

  it.prop(
    "on which points share nothing",
    [secret, bytes32],
    ([d, x]) => {
      agreed((curve) => {
        const share = () => curve.sharedX(d, x)
        if (curve.isPublicKey(x)) assert.lengthOf(share(), 32)
        else assert.throws(share, RangeError, /^not a public key$/)
      })
    },
    few
  )

  it.prop(
    "on Schnorr signatures",
    [secret, bytes32, bytes32],
    ([d, message, aux]) => {
      const signature = agreed((curve) => Hex.fromBytes(curve.schnorrSigner(d)(message, aux)))
      const publicKey = schnorr.getPublicKey(d)
      assert.isTrue(agreed((curve) => curve.schnorrVerify(bytes(signature), message, publicKey)))
    },
    few
  )

  it.prop(
    "that a signature with a bit changed is no signature",
    [secret, bytes32, Arbitrary.map(bytes32, (b) => (b[0]! << 8) | b[1]!)],
    ([d, message, random]) => {
      const publicKey = Secp256k1.publicKey(d)
      const signed = Buffer.concat([Secp256k1.schnorrSign(message, d), message, publicKey])
      const forged = withBitFlipped(signed, random % (signed.length * 8))
      assert.isFalse(
        agreed((curve) =>
          curve.schnorrVerify(forged.slice(0, 64), forged.slice(64, 96), forged.slice(96))
        )
      )
    }
  )

  it.prop(
    "on ECDSA signatures and their signers",
    [secret, bytes32],
    ([d, hash]) => {
      const { recovery, signature } = agreed((curve) => {
        const signed = curve.ecdsaSign(hash, d)
        return { recovery: signed.recovery, signature: Hex.fromBytes(signed.signature) }
      })
      const publicKey = secp256k1.getPublicKey(d, true)
      const compact = bytes(signature)
      assert.isTrue(agreed((curve) => curve.ecdsaVerify(compact, hash, publicKey)))
      const signer = agreed((curve) => Hex.fromBytes(curve.recover(compact, recovery, hash)!))
      assert.strictEqual(signer, Hex.fromBytes(publicKey))

      const s = BigInt(`0x${signature.slice(64)}`)
      const highS = Buffer.concat([compact.subarray(0, 32), number(n - s)])
      assert.isFalse(agreed((curve) => curve.ecdsaVerify(highS, hash, publicKey)))
      const signerOfHighS = agreed((curve) =>
        Hex.fromBytes(curve.recover(highS, recovery ^ 1, hash)!)
      )
      assert.strictEqual(signerOfHighS, signer)
    },
    few
  )

  it.prop(
    "on what a wrong recovery id recovers",
    [secret, bytes32],
    ([d, hash]) => {
      const { signature } = Secp256k1.ecdsaSign(hash, d)
      for (const recovery of [0, 1, 2, 3])
        agreed((curve) => {
          const signer = curve.recover(signature, recovery, hash)
          return signer && Hex.fromBytes(signer)
        })
    },
    few
  )
})

describe("Hostile input is not valid, and nothing is thrown", () => {
  const d = number(3n)
  const message = number(7n)
  const publicKey = Secp256k1.publicKey(d)
  const signature = Secp256k1.schnorrSign(message, d)
  const edges = [0n, 1n, n - 1n, n, n + 2n, p - 1n, p, 2n ** 256n - 1n].map(number)

  it("scalars and coordinates at every edge", () => {
    for (const r of [signature.subarray(0, 32), ...edges])
      for (const s of edges)
        assert.isFalse(
          agreed((curve) => curve.schnorrVerify(Buffer.concat([r, s]), message, publicKey))
        )
    for (const x of edges)
      assert.isFalse(agreed((curve) => curve.schnorrVerify(signature, message, x)))
  })

  it("the same in ECDSA", () => {
    const key = Secp256k1.publicKeyCompressed(d)
    const { recovery, signature } = Secp256k1.ecdsaSign(message, d)
    for (const edge of edges) {
      const wrongS = Buffer.concat([signature.subarray(0, 32), edge])
      const wrongR = Buffer.concat([edge, signature.subarray(32)])
      for (const wrong of [wrongS, wrongR])
        assert.isFalse(agreed((curve) => curve.ecdsaVerify(wrong, message, key)))
    }
    for (const s of [0n, n, p].map(number)) {
      const wrong = Buffer.concat([signature.subarray(0, 32), s])
      assert.isUndefined(agreed((curve) => curve.recover(wrong, recovery, message)))
    }
    for (const recovery of [-1, 4, 0.5, Number.NaN])
      assert.isUndefined(agreed((curve) => curve.recover(signature, recovery, message)))
    for (const prefix of [0, 4, 5])
      assert.isFalse(
        agreed((curve) =>
          curve.ecdsaVerify(signature, message, Uint8Array.of(prefix, ...key.subarray(1)))
        )
      )
  })

  it("wrong lengths", () => {
    for (const length of [0, 31, 33, 63, 64, 65]) {
      const wrong = new Uint8Array(length).fill(1)
      agreed((curve) => {
        if (length !== 64) assert.isFalse(curve.schnorrVerify(wrong, message, publicKey))
        assert.isFalse(curve.schnorrVerify(signature, wrong, publicKey))
        assert.isFalse(curve.schnorrVerify(signature, message, wrong))
        if (length !== 64) assert.isFalse(curve.ecdsaVerify(wrong, message, publicKey))
        assert.isFalse(curve.ecdsaVerify(signature, wrong, publicKey))
        assert.isFalse(curve.ecdsaVerify(signature, message, wrong))
        assert.isFalse(curve.isPublicKey(wrong))
        if (length !== 64) assert.isUndefined(curve.recover(wrong, 0, message))
        assert.isUndefined(curve.recover(signature, 0, wrong))
      })
    }
  })

  it("what uses a secret throws a RangeError that does not tell the secret", () => {
    for (const wrong of [...[0n, n, n + 1n].map(number), new Uint8Array(31), new Uint8Array(33)])
      for (const curve of implementations)
        for (const use of [
          () => curve.schnorrSigner(wrong),
          () => curve.ecdsaSign(message, wrong),
          () => curve.publicKeyCompressed(wrong),
          () => curve.sharedX(wrong, publicKey)
        ])
          assert.throws(use, RangeError, /^not a secret key$/)
    for (const curve of implementations) {
      assert.throws(() => curve.schnorrSigner(d)(new Uint8Array(31), message), RangeError)
      assert.throws(() => curve.schnorrSigner(d)(message, new Uint8Array(31)), RangeError)
      assert.throws(() => curve.ecdsaSign(new Uint8Array(33), d), RangeError)
      for (const wrong of [new Uint8Array(31), publicKey.subarray(1), ...[p, n + 1n].map(number)])
        assert.throws(() => curve.sharedX(d, wrong), RangeError, /^not a public key$/)
    }
  })
})

const addon = Addon.load()

describe.runIf(addon !== undefined)("The point that the addon compares", () => {
  const { Point } = secp256k1

  const expected = (s: bigint, e: bigint, x: bigint): string => {
    const term = schnorr.utils.lift_x(x).multiply(e).negate()
    return (s === 0n ? term : Point.BASE.multiply(s).add(term)).toHex(true)
  }

  const computed = (s: bigint, e: bigint, x: bigint): string =>
    Schnorr.makeCommitment(addon!)(number(s), number(e), number(x)).toString("hex")

  it.prop(
    "is s·G − e·P",
    [secret, secret, secret],
    ([s, e, d]) => {
      const point: [bigint, bigint, bigint] = [toNumber(s), toNumber(e), xOf(d)]
      assert.strictEqual(computed(...point), expected(...point))
    },
    few
  )

  it("is so for s = 0 and for coordinates from n to p", () => {
    assert.strictEqual(computed(0n, 5n, xOf(number(3n))), expected(0n, 5n, xOf(number(3n))))
    let found = 0
    for (let x = n; x < n + 20n; x++) {
      if (!Secp256k1.isPublicKey(number(x))) continue
      found++
      for (const s of [0n, 1n, n - 1n]) assert.strictEqual(computed(s, 5n, x), expected(s, 5n, x))
    }
    assert.isAbove(found, 3)
  })
})
