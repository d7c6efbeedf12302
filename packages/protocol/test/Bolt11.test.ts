import { assert, describe, it } from "@effect/vitest"
import { bech32, bech32m } from "@scure/base"
import * as Reference from "bolt11"
import { Arbitrary, Option, Result, Schema } from "effect"
import { decode as lightDecode } from "light-bolt11-decoder"
import { hash } from "node:crypto"
import * as Words from "../src/bolt11/Words.ts"
import { Bolt11, Hex, Msat, Network, Secp256k1 } from "../src/index.ts"
import { bytesField, d, field, forge, h, n, node, nodeKey, p, s } from "./Bolt11Forge.ts"
import vectors from "./vectors/bolt11.json" with { type: "json" }

const decoded = (bolt11: string): Bolt11.Invoice => Result.getOrThrow(Bolt11.decode(bolt11))

const refusal = (bolt11: string): string =>
  Result.match(Bolt11.decode(bolt11), {
    onFailure: (error) => error.message,
    onSuccess: () => "accepted"
  })

describe("The examples of BOLT 11", () => {
  it.each(vectors.valid)("$name", (vector) => {
    assert.deepStrictEqual(decoded(vector.bolt11), {
      bolt11: vector.bolt11.toLowerCase(),
      network: vector.network as Network.Network,
      amount: Option.map(Option.fromNullOr(vector.amountMsats), Msat.make),
      createdAt: vector.createdAt,
      expiresAt: vector.createdAt + vector.expirySeconds,
      paymentHash: vector.paymentHash as Bolt11.PaymentHash,
      paymentSecret: vector.paymentSecret,
      payee: vector.payee,
      description: Option.fromNullOr(vector.description),
      descriptionHash: Option.fromNullOr(vector.descriptionHash),
      minFinalCltvDelta: vector.minFinalCltvDelta
    })
  })

  it.each(vectors.invalid)("refused: $name", ({ bolt11, message }) => {
    assert.strictEqual(refusal(bolt11), message)
  })
})

const amount = Arbitrary.map(
  Arbitrary.schema(Schema.Tuple([Msat.Msat, Schema.Literals([1, 100, 100_000, 100_000_000])])),
  ([msat, unit]) => Option.some(Msat.make(Math.max(unit, msat - (msat % unit))))
)

/** With times above zero, which one of the others takes for missing. */
const draft = Arbitrary.map(
  Arbitrary.schema(
    Schema.Tuple([
      Network.Network,
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 ** 35 - 1 })),
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000_000 })),
      Bolt11.PaymentHash,
      Hex.ofBytes(32),
      Schema.String.check(Schema.isMaxLength(150)),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2016 }))
    ])
  ),
  ([network, createdAt, expirySeconds, paymentHash, paymentSecret, text, delta]) => ({
    network,
    createdAt,
    expirySeconds,
    paymentHash,
    paymentSecret,
    description: text.toWellFormed(),
    minFinalCltvDelta: delta
  })
)

/** What the reference needs to be told about networks. */
const referenceNetwork = (network: Network.Network) => ({
  bech32: { mainnet: "bc", testnet: "tb", signet: "tbs", regtest: "bcrt" }[network],
  pubKeyHash: 0,
  scriptHash: 5,
  validWitnessVersions: [0, 1]
})

describe("An invoice of ours", () => {
  it.prop(
    "is read by us and by others as it was drafted",
    [draft, amount, Schema.Boolean],
    ([rest, someAmount, hasAmount]) => {
      const draft: Bolt11.Draft = { ...rest, amount: hasAmount ? someAmount : Option.none() }
      const bolt11 = Bolt11.encode(draft, nodeKey)
      const expiresAt = draft.createdAt + draft.expirySeconds

      const { amount, createdAt, description, minFinalCltvDelta, network, ...ours } =
        decoded(bolt11)
      assert.deepStrictEqual(
        { amount, createdAt, minFinalCltvDelta, network },
        {
          amount: draft.amount,
          createdAt: draft.createdAt,
          minFinalCltvDelta: draft.minFinalCltvDelta,
          network: draft.network
        }
      )
      assert.deepStrictEqual(description, Option.some(draft.description))
      assert.deepStrictEqual(ours, {
        bolt11,
        expiresAt,
        paymentHash: draft.paymentHash,
        paymentSecret: draft.paymentSecret,
        payee: node,
        descriptionHash: Option.none()
      })

      const theirs = Reference.decode(bolt11, referenceNetwork(draft.network))
      assert.strictEqual(theirs.payeeNodeKey, node)
      assert.strictEqual(theirs.timestamp, draft.createdAt)
      assert.strictEqual(theirs.timeExpireDate, expiresAt)
      assert.strictEqual(
        theirs.millisatoshis ?? null,
        Option.getOrNull(Option.map(draft.amount, String))
      )
      assert.strictEqual(theirs.tagsObject.payment_hash, draft.paymentHash)
      assert.strictEqual(theirs.tagsObject.payment_secret, draft.paymentSecret)
      assert.strictEqual(theirs.tagsObject.description, draft.description)
      assert.strictEqual(theirs.tagsObject.payee_node_key, node)
      assert.strictEqual(theirs.tagsObject.min_final_cltv_expiry, draft.minFinalCltvDelta)
      assert.deepInclude(theirs.tagsObject.feature_bits, {
        var_onion_optin: { required: true, supported: false },
        payment_secret: { required: true, supported: false }
      })

      const light = lightDecode(bolt11)
      const section = (name: string): unknown => {
        const found = light.sections.find((section) => section.name === name)
        return found !== undefined && "value" in found ? found.value : undefined
      }
      assert.strictEqual(section("payment_hash"), draft.paymentHash)
      assert.strictEqual(section("timestamp"), draft.createdAt)
      assert.strictEqual(section("amount"), Option.getOrUndefined(Option.map(draft.amount, String)))
      assert.strictEqual(section("description"), draft.description)
      assert.strictEqual(section("payment_secret"), draft.paymentSecret)
      assert.strictEqual(section("payee"), node)
    },
    { arbitrary: { runs: 40 } }
  )

  const plain: Bolt11.Draft = {
    network: "regtest",
    amount: Option.some(Msat.make(10_000)),
    createdAt: 1_700_000_000,
    expirySeconds: 600,
    paymentHash: Bolt11.hashOf("11".repeat(32) as Bolt11.Preimage),
    paymentSecret: "22".repeat(32),
    description: "inference",
    minFinalCltvDelta: 80
  }

  it("is the same for the same draft and key", () => {
    assert.strictEqual(Bolt11.encode(plain, nodeKey), Bolt11.encode({ ...plain }, nodeKey))
  })

  it("writes its amount as short as can be", () => {
    const written = (msats: number): string | undefined =>
      /^lnbc(.*)1p/.exec(
        Bolt11.encode(
          { ...plain, network: "mainnet", amount: Option.some(Msat.make(msats)) },
          nodeKey
        ).slice(0, 30)
      )?.[1]
    assert.deepStrictEqual(
      [1, 10, 99, 100, 1_000, 100_000, 12_300_000, 100_000_000, 2_500_000_000_000].map(written),
      ["10p", "100p", "990p", "1n", "10n", "1u", "123u", "1m", "25"]
    )
    assert.strictEqual(written(Msat.most), "90071992547409910p")
  })

  it("carries the hash of a description that is too long for it", () => {
    const fits = "é".repeat(319)
    assert.deepStrictEqual(
      decoded(Bolt11.encode({ ...plain, description: fits }, nodeKey)).description,
      Option.some(fits)
    )
    const description = "é".repeat(320)
    const invoice = decoded(Bolt11.encode({ ...plain, description }, nodeKey))
    assert.deepStrictEqual(invoice.description, Option.none())
    assert.deepStrictEqual(invoice.descriptionHash, Option.some(hash("sha256", description)))
  })

  it("cannot be made from a draft that no invoice can express", () => {
    for (const wrong of [
      { amount: Option.some(Msat.zero) },
      { createdAt: 2 ** 35 },
      { createdAt: -1 },
      { createdAt: 1.5 },
      { expirySeconds: -1 },
      { minFinalCltvDelta: Number.NaN },
      { paymentSecret: "22" },
      { paymentHash: "zz".repeat(32) as Bolt11.PaymentHash }
    ])
      assert.throws(() => Bolt11.encode({ ...plain, ...wrong }, nodeKey), RangeError)
    assert.throws(() => Bolt11.encode(plain, new Uint8Array(32)), RangeError)
  })

  /** All words but the last two, which hold the recovery id that `n` makes superfluous. */
  const position = Arbitrary.schema(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2000 }))
  )
  const change = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 31 })))

  it.prop("is not ours when a word of it was changed", [position, change], ([position, change]) => {
    const { prefix, words } = bech32.decode(
      Bolt11.encode(plain, nodeKey) as `${string}1${string}`,
      false
    )
    const changed = [...words]
    changed[position % (words.length - 2)]! ^= change
    const read = Bolt11.decode(bech32.encode(prefix, changed, false))
    assert.isTrue(Result.isFailure(read) || read.success.payee !== node)
  })

  it("is void when its prefix was changed", () => {
    const { words } = bech32.decode(Bolt11.encode(plain, nodeKey) as `${string}1${string}`, false)
    for (const prefix of ["lnbc100n", "lntb100n", "lntbs100n", "lnbcrt10n", "lnbcrt"])
      assert.strictEqual(
        refusal(bech32.encode(prefix, words, false)),
        "the signature is not the payee's, or not in its low-S form"
      )
  })
})

describe("Reading", () => {
  it("takes the longest prefix that is a network", () => {
    const network = (prefix: string) => decoded(forge({ prefix })).network
    assert.deepStrictEqual(
      ["lnbc1m", "lntb1m", "lntbs1m", "lnbcrt1m", "lnbcrt", "lntbs"].map(network),
      ["mainnet", "testnet", "signet", "regtest", "regtest", "signet"]
    )
    for (const prefix of ["lnsb1m", "lnbcr1m", "lnbct1m", "ln1m", "lnbcrtx", "bc1m", "lntbsx"])
      assert.strictEqual(refusal(forge({ prefix })), "the network is unknown")
  })

  it("takes every multiplier, also one that is not the largest", () => {
    const msats = (prefix: string) => Option.getOrNull(decoded(forge({ prefix })).amount)
    assert.deepStrictEqual(
      ["lnbc2", "lnbc3m", "lnbc4u", "lnbc5n", "lnbc60p", "lnbc7000000u", "lnbc"].map(msats),
      [200_000_000_000, 300_000_000, 400_000, 500, 6, 700_000_000_000, null]
    )
    assert.strictEqual(msats("lnbc90071992547409910p"), Number.MAX_SAFE_INTEGER)
  })

  it("refuses amounts that are none", () => {
    for (const [prefix, message] of [
      ["lnbc0", "the amount is malformed"],
      ["lnbc01m", "the amount is malformed"],
      ["lnbc1mm", "the amount is malformed"],
      ["lnbc1x", "the amount is malformed"],
      ["lnbc1.5m", "the amount is malformed"],
      [`lnbc${"9".repeat(40)}`, "the amount is malformed"],
      ["lnbc11p", "the amount is no whole number of millisatoshi"],
      ["lnbc90072", "the amount is out of range"],
      ["lnbc90071992547409920p", "the amount is out of range"]
    ] as const)
      assert.strictEqual(refusal(forge({ prefix })), message, prefix)
  })

  it("knows the defaults and the payee that did not name itself", () => {
    const invoice = decoded(forge())
    assert.strictEqual(invoice.expiresAt - invoice.createdAt, 3600)
    assert.strictEqual(invoice.minFinalCltvDelta, 18)
    assert.strictEqual(invoice.payee, node)
  })

  it("needs hash, secret and one description", () => {
    assert.strictEqual(refusal(forge({ fields: [s, d] })), "no payment hash")
    assert.strictEqual(refusal(forge({ fields: [p, d] })), "no payment secret")
    assert.strictEqual(
      refusal(forge({ fields: [p, s] })),
      "neither a description nor a description hash"
    )
    assert.strictEqual(
      refusal(forge({ fields: [p, s, d, h] })),
      "both a description and a description hash"
    )
    assert.strictEqual(refusal(forge({ fields: [p, s, h] })), "accepted")
  })

  it("takes the first of fields that come twice and skips those of wrong length", () => {
    const invoice = decoded(
      forge({
        fields: [
          ...["p", "s", "h", "n"].map((letter) => bytesField(letter, Buffer.alloc(31, 9))),
          ...["p", "s", "h", "n"].map((letter) => bytesField(letter, Buffer.alloc(34, 9))),
          p,
          bytesField("p", Buffer.alloc(32, 9)),
          s,
          bytesField("s", Buffer.alloc(32, 9)),
          d,
          bytesField("d", Buffer.from([0xff])),
          bytesField("m", Buffer.alloc(5)),
          field("2", [0, 0, 0])
        ]
      })
    )
    assert.strictEqual(invoice.paymentHash, "01".repeat(32))
    assert.strictEqual(invoice.paymentSecret, "02".repeat(32))
    assert.deepStrictEqual(invoice.description, Option.some("inference"))
    assert.strictEqual(invoice.payee, node)
  })

  it("refuses features that are even and unknown", () => {
    const withFeature = (...bits: ReadonlyArray<number>) => {
      const words = Array.from({ length: Math.floor(Math.max(...bits) / 5) + 1 }, () => 0)
      for (const bit of bits) words[words.length - 1 - Math.floor(bit / 5)]! |= 1 << (bit % 5)
      return refusal(forge({ fields: [s, p, d, field("9", words)] }))
    }
    assert.strictEqual(withFeature(8, 14), "accepted")
    assert.strictEqual(withFeature(8, 14, 16, 48), "accepted")
    assert.strictEqual(withFeature(9, 15, 99, 101, 513), "accepted")
    for (const bit of [2, 4, 100, 102, 1000])
      assert.strictEqual(withFeature(8, 14, bit), `it requires the unknown feature ${bit}`)
  })

  it("refuses numbers with zeros in front and numbers that are too large", () => {
    const withField = (letter: string, words: ReadonlyArray<number>) =>
      refusal(forge({ fields: [s, p, d, field(letter, words)] }))
    assert.strictEqual(withField("x", [0, 1]), "the expiry begins with a zero")
    assert.strictEqual(withField("c", [0, 1]), "the final CLTV delta begins with a zero")
    assert.strictEqual(withField("9", [0, 16, 8, 0]), "the features begin with a zero")
    const huge = Array.from({ length: 11 }, () => 31)
    assert.strictEqual(withField("x", huge), "the expiry is out of range")
    assert.strictEqual(withField("c", huge), "the final CLTV delta is out of range")
    assert.strictEqual(withField("x", []), "accepted")
  })

  it("refuses what is cut off, not bech32, too long or not UTF-8", () => {
    assert.strictEqual(refusal(forge({ trailing: [1] })), "a field is cut off")
    assert.strictEqual(refusal(forge({ trailing: [1, 0] })), "a field is cut off")
    assert.strictEqual(refusal(forge({ trailing: [1, 0, 1] })), "a field is cut off")
    assert.strictEqual(
      refusal(forge({ encoding: bech32m })),
      "not bech32, or its checksum is wrong"
    )
    for (const text of ["", "1", "lnbc", "hello", "lightning:lnbc1", forge().slice(0, -1)])
      assert.strictEqual(refusal(text), "not bech32, or its checksum is wrong", text)
    assert.strictEqual(refusal(`lnbc1${"q".repeat(8000)}`), "longer than 7089 characters")
    const notUtf8 = bytesField("d", Buffer.from([0xc3, 0x28]))
    assert.strictEqual(refusal(forge({ fields: [p, s, notUtf8] })), "the description is not UTF-8")
  })

  it("holds the payee that is named to its key and to low-S", () => {
    const otherKey = Buffer.alloc(32, 5)
    const message = "the signature is not the payee's, or not in its low-S form"
    const fields = [s, p, d, n]
    assert.strictEqual(refusal(forge({ fields })), "accepted")
    assert.strictEqual(refusal(forge({ fields, key: otherKey })), message)
    assert.strictEqual(refusal(forge({ fields, highS: true })), message)
    const notOnTheCurve = bytesField("n", Buffer.from(`02${"ff".repeat(32)}`, "hex"))
    assert.strictEqual(refusal(forge({ fields: [s, p, d, notOnTheCurve] })), message)
  })

  it("recovers the payee that is not named, from high-S too", () => {
    const key = Buffer.alloc(32, 5)
    assert.strictEqual(decoded(forge({ highS: true })).payee, node)
    assert.strictEqual(
      decoded(forge({ key })).payee,
      Hex.fromBytes(Secp256k1.publicKeyCompressed(key))
    )
    assert.strictEqual(
      refusal(forge({ recovery: 4 })),
      "the signature's recovery id is out of range"
    )
  })

  it.prop("never throws", [Schema.String, Schema.Array(Schema.Int)], ([text, numbers]) => {
    assert.isTrue(Result.isFailure(Bolt11.decode(text)))
    const words = numbers.map((number) => number & 31)
    assert.isTrue(Result.isFailure(Bolt11.decode(bech32.encode("lnbc1m", words, false))))
  })
})

describe("Words of five bits", () => {
  const bytes = Arbitrary.map(
    Arbitrary.schema(
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))
    ),
    (items) => Uint8Array.from(items)
  )
  const count = Arbitrary.schema(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
  )

  it.prop("give bytes back", [bytes], ([bytes]) => {
    const words = Words.fromBytes(bytes)
    assert.strictEqual(Words.toHex(words), Hex.fromBytes(bytes))
    const padded = Words.toPaddedBytes(words)
    assert.strictEqual(padded.length, Math.ceil((words.length * 5) / 8))
    assert.strictEqual(Hex.fromBytes(padded.subarray(0, bytes.length)), Hex.fromBytes(bytes))
  })

  it.prop("give integers back, without zeros in front", [count], ([value]) => {
    const words = Words.fromInteger(value)
    assert.strictEqual(Words.toInteger(words), value)
    assert.notStrictEqual(words[0], 0)
  })
})
