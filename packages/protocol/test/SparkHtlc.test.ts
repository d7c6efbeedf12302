import { assert, describe, it } from "@effect/vitest"
import { bech32m } from "@scure/base"
import { Option, Result } from "effect"
import * as Bolt11 from "../src/Bolt11.ts"
import * as Hex from "../src/Hex.ts"
import * as Msat from "../src/Msat.ts"
import * as PaymentRequest from "../src/PaymentRequest.ts"
import * as SparkAddress from "../src/SparkAddress.ts"
import * as SparkHtlc from "../src/SparkHtlc.ts"

/** BIP 340's generator, as somebody's identity. */
const identity = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"

const addressOf = (prefix: string, message = `0a21${identity}`) =>
  bech32m.encode(prefix, bech32m.toWords(Hex.toBytes(message)), 1_000)

const address = addressOf("sparkrt")

const htlc: SparkHtlc.SparkHtlc = {
  network: "regtest",
  address,
  amount: Msat.make(10_000),
  paymentHash: Bolt11.PaymentHash.make("ab".repeat(32)),
  expiresAt: 1_800_000_000,
  lockSeconds: 1_020
}

describe("A Spark address", () => {
  it("says on which network it lives", () => {
    const networks = [
      ["spark", "mainnet"],
      ["sp", "mainnet"],
      ["sparkt", "testnet"],
      ["sparks", "signet"],
      ["sparkrt", "regtest"],
      ["sparkl", "regtest"]
    ] as const
    for (const [prefix, network] of networks)
      assert.deepStrictEqual(
        SparkAddress.decode(addressOf(prefix)),
        Option.some({ network, identity: Uint8Array.from(Hex.toBytes(identity)) })
      )
  })

  it("is written as it is read", () => {
    const read = Option.getOrThrow(SparkAddress.decode(address))
    assert.strictEqual(SparkAddress.encode(read), address)
  })

  const none = [
    ["has a checksum that is not its own", address.replace(/.$/, (it) => (it === "q" ? "p" : "q"))],
    ["lives nowhere", addressOf("sparkx")],
    ["carries an invoice of its own", addressOf("sparkrt", `0a21${identity}1200`)],
    ["holds no key", addressOf("sparkrt", `0a21${"ff".repeat(33)}`)],
    ["holds a point that is on no curve", addressOf("sparkrt", `0a2102${"ff".repeat(32)}`)],
    ["is cut off", address.slice(0, -8)],
    ["is an invoice", "lnbcrt1nonsense"]
  ] as const
  for (const [what, text] of none)
    it(`is none if it ${what}`, () => {
      assert.deepStrictEqual(SparkAddress.decode(text), Option.none())
    })
})

describe("The text of an HTLC", () => {
  const text = SparkHtlc.stringify(htlc)

  it("is read back as it was, and is told from an invoice", () => {
    assert.deepStrictEqual(PaymentRequest.parse(text), Result.succeed(htlc))
    assert.strictEqual(PaymentRequest.textOf(htlc), text)
    assert.strictEqual(PaymentRequest.railOfText(text), "spark")
    assert.strictEqual(PaymentRequest.railOfText("lnbcrt1"), "lightning")
  })

  const none = [
    text.replace(address, `${address}q`),
    text.replace("hash=ab", "hash=AB"),
    text.replace("msats=", "msats=-"),
    text.replace("msats=10000", "msats=9999999999999999"),
    text.replace("lock=1020", "lock=1e9"),
    `${text}&more=1`,
    "spark:",
    ""
  ]
  it("is refused where anything in it is not as it should be", () => {
    for (const bad of none) assert.isTrue(Result.isFailure(PaymentRequest.parse(bad)), bad)
  })
})
