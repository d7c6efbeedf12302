import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Bolt11, Hex, Msat, Network } from "@farthing/protocol"
import type * as Words from "@farthing/protocol/bolt11/Words"
import { Arbitrary, Option, Result, Schema } from "effect"
import * as ldk from "lightningdevkit"
import {
  bytesField,
  d,
  field,
  forge,
  h,
  n,
  nodeKey,
  p,
  s
} from "../../protocol/test/Bolt11Forge.ts"
import * as Invoice from "./ldk/Invoice.ts"
import * as Node from "./ldk/Node.ts"

const between = (minimum: number, maximum: number) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Description = Schema.String.check(Schema.isMaxLength(200))

const draft = Arbitrary.map(
  Arbitrary.schema(
    Schema.Struct({
      network: Network.Network,
      amount: Schema.Option(between(1, Msat.most)),
      createdAt: between(0, 2 ** 35 - 1),
      expirySeconds: between(0, 2 ** 32 - 1),
      paymentHash: Bolt11.PaymentHash,
      paymentSecret: Hex.ofBytes(32),
      description: Description,
      minFinalCltvDelta: between(0, 2_016)
    })
  ),
  ({ amount, description, ...rest }): Bolt11.Draft => ({
    ...rest,
    amount: Option.map(amount, Msat.make),
    description: description.toWellFormed()
  })
)

/** Nothing less can a node be asked for. */
const shortestDelta = 24

/** What it adds, since blocks may come while the payment is on its way. */
const spareBlocks = 3

const wish = Arbitrary.map(
  Arbitrary.schema(
    Schema.Struct({
      network: Network.Network,
      amount: Schema.Option(between(1, Msat.most)),
      expirySeconds: between(0, 2 ** 32 - 1),
      description: Description,
      minFinalCltvDelta: between(shortestDelta, 2_016)
    })
  ),
  ({ description, ...rest }) => ({ ...rest, description: description.toWellFormed() })
)

/** Features by the bits that are set. */
const features = (...bits: ReadonlyArray<number>) => {
  const words = Array.from({ length: Math.floor(Math.max(...bits) / 5) + 1 }, () => 0)
  for (const bit of bits) words[words.length - 1 - Math.floor(bit / 5)]! |= 1 << (bit % 5)
  return field("9", words)
}

/** What an invoice may have besides hash, secret and description: all good, odd and bad at once. */
const extras = {
  payee: n,
  strangePayee: bytesField("n", Buffer.alloc(33, 2)),
  shortPayee: bytesField("n", Buffer.alloc(32, 2)),
  hashOfDescription: h,
  shortHash: bytesField("p", Buffer.alloc(31, 9)),
  longSecret: bytesField("s", Buffer.alloc(33, 9)),
  expiry: field("x", [1, 0]),
  noExpiry: field("x", []),
  longExpiry: field("x", [0, 1]),
  delta: field("c", [2]),
  longDelta: field("c", [0, 1]),
  unknown: field("2", [1, 2, 3]),
  metadata: bytesField("m", Buffer.alloc(5)),
  optional: features(9, 15, 99),
  unknownRequired: features(8, 14, 100)
}
const extraNames = Object.keys(extras) as ReadonlyArray<keyof typeof extras>

const soup = Arbitrary.schema(
  Schema.Struct({
    currency: Schema.Literals(["bc", "tb", "tbs", "bcrt", "sb", ""]),
    amount: Schema.Literals([
      "",
      "1m",
      "20u",
      "3n",
      "10p",
      "11p",
      "0",
      "01m",
      "90071992547409910p"
    ]),
    extras: Schema.Array(Schema.Literals(extraNames)).check(Schema.isMaxLength(4))
  })
)

/** Of fields of one type the first: nodes trip over others even where it alone counts. */
const onceEach = (fields: ReadonlyArray<Words.Words>) =>
  fields.filter(([type], at) => fields.findIndex(([first]) => first === type) === at)

/** What BOLT 11 says to refuse, or to write otherwise, and nodes take all the same. */
const stricter = [
  "the amount is malformed",
  "the expiry begins with a zero",
  "the final CLTV delta begins with a zero"
]

describe("BOLT 11, as a Lightning node has it,", () => {
  let nodes: Record<Network.Network, Node.Node>

  beforeAll(async () => {
    await Node.load()
    const on = (network: ldk.Network) => Node.make({ network, now: 1_700_000_000 })
    nodes = {
      mainnet: on(ldk.Network.LDKNetwork_Bitcoin),
      testnet: on(ldk.Network.LDKNetwork_Testnet),
      signet: on(ldk.Network.LDKNetwork_Signet),
      regtest: on(ldk.Network.LDKNetwork_Regtest)
    }
  })

  it.prop(
    "is what we write",
    [draft],
    ([draft]) => {
      const bolt11 = Bolt11.encode(draft, nodeKey)
      const { amount, ...rest } = draft
      const said = { ...rest, amount: Option.getOrUndefined(amount) }
      const read = Invoice.readByLdk(bolt11)
      assert.deepInclude(read, said)
      assert.deepStrictEqual(read, Invoice.readByUs(bolt11))
    },
    { arbitrary: { runs: 100 } }
  )

  it.prop(
    "is what we read",
    [wish],
    ([wish]) => {
      const { amount, minFinalCltvDelta, ...rest } = wish
      const bolt11 = Invoice.writtenByLdk(nodes[wish.network], wish)
      const read = Invoice.readByUs(bolt11)
      assert.deepInclude(read, {
        ...rest,
        amount: Option.getOrUndefined(amount),
        minFinalCltvDelta: minFinalCltvDelta + spareBlocks
      })
      assert.deepStrictEqual(read, Invoice.readByLdk(bolt11))
    },
    { arbitrary: { runs: 100 } }
  )

  it.prop(
    "is what we take for payable, whoever wrote it; and what we alone refuse was sloppy",
    [soup],
    ([{ amount, currency, extras: chosen }]) => {
      const bolt11 = forge({
        prefix: `ln${currency}${amount}`,
        fields: [p, s, d, ...onceEach(chosen.map((name) => extras[name])), features(8, 14)]
      })
      const theirs = Invoice.readByLdk(bolt11)
      Result.match(Bolt11.decode(bolt11), {
        onSuccess: () => assert.deepStrictEqual(theirs, Invoice.readByUs(bolt11)),
        onFailure: ({ message }) => {
          if (theirs !== undefined) assert.include(stricter, message)
        }
      })
    },
    { arbitrary: { runs: 200 } }
  )
})
