/** Builds invoices word by word, so that tests can make the ones that nobody should pay. */
import { secp256k1 } from "@noble/curves/secp256k1.js"
import { bech32, bech32m } from "@scure/base"
import { hash } from "node:crypto"
import * as Words from "../src/bolt11/Words.ts"

/** The node key of BOLT 11's examples, and its public key. */
export const nodeKey = Buffer.from(
  "e126f68f7eafcc8b74f54d269fe206be715000f94dac067d1c04a8ca3b2db734",
  "hex"
)
export const node = "03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad"

const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

/** A field by the letter of its type. */
export const field = (letter: string, words: Words.Words): Words.Words => [
  alphabet.indexOf(letter),
  ...Words.fromIntegerFixed(words.length, 2),
  ...words
]

export const bytesField = (letter: string, bytes: Uint8Array): Words.Words =>
  field(letter, Words.fromBytes(bytes))

export const p = bytesField("p", Buffer.alloc(32, 1))
export const s = bytesField("s", Buffer.alloc(32, 2))
export const d = bytesField("d", Buffer.from("inference"))
export const h = bytesField("h", Buffer.alloc(32, 3))
export const n = bytesField("n", Buffer.from(node, "hex"))

export interface Options {
  readonly prefix?: string
  readonly fields?: ReadonlyArray<Words.Words>
  readonly trailing?: Words.Words
  readonly key?: Uint8Array
  readonly highS?: boolean
  readonly recovery?: number
  readonly encoding?: typeof bech32 | typeof bech32m
}

const order = secp256k1.Point.Fn.ORDER

export const forge = (options: Options = {}): string => {
  const prefix = options.prefix ?? "lnbcrt10u"
  const data = [
    ...Words.fromIntegerFixed(1_700_000_000, 7),
    ...(options.fields ?? [s, p, d]).flat(),
    ...(options.trailing ?? [])
  ]
  const digest = hash(
    "sha256",
    Buffer.concat([Buffer.from(prefix), Words.toPaddedBytes(data)]),
    "buffer"
  )
  const signed = secp256k1.Signature.fromBytes(
    secp256k1.sign(digest, options.key ?? nodeKey, { prehash: false, format: "recovered" }),
    "recovered"
  )
  const highS = options.highS === true
  const signature = Buffer.concat([
    new secp256k1.Signature(signed.r, highS ? order - signed.s : signed.s).toBytes("compact"),
    Uint8Array.of(options.recovery ?? signed.recovery! ^ (highS ? 1 : 0))
  ])
  const encoding = options.encoding ?? bech32
  return encoding.encode(prefix, [...data, ...Words.fromBytes(signature)], false)
}
