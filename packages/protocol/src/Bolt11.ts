/**
 * Lightning invoices (BOLT 11): `ln<network><amount>1<time><fields><signature><checksum>`.
 *
 * Reading is strict where money is at stake: what comes out of `decode` has a good checksum, a
 * good signature, a payment secret, and requires no feature that is unknown here.
 */
import { bech32 } from "@scure/base"
import { Option, Result, Schema } from "effect"
import { isUtf8 } from "node:buffer"
import { hash } from "node:crypto"
import * as Hex from "./Hex.ts"
import * as Msat from "./Msat.ts"
import type * as Network from "./Network.ts"
import * as Secp256k1 from "./Secp256k1.ts"

/** sha256 of the preimage: the name of a payment. */
export const PaymentHash = Hex.ofBytes(32).pipe(Schema.brand("PaymentHash"))
export type PaymentHash = typeof PaymentHash.Type

/** Whoever has it can prove the payment: 32 bytes whose sha256 is the payment hash. */
export const Preimage = Hex.ofBytes(32).pipe(Schema.brand("Preimage"))
export type Preimage = typeof Preimage.Type

/** The payment hash that a preimage proves. */
export const hashOf = (preimage: Preimage): PaymentHash =>
  hash("sha256", Hex.toBytes(preimage)) as PaymentHash

/** A decoded invoice whose checksum and signature were found good. */
export interface Invoice {
  /** The invoice as it was given, in lower case. */
  readonly bolt11: string
  readonly network: Network.Network
  /** None: the payer chooses; Farthing refuses to pay those. */
  readonly amount: Option.Option<Msat.Msat>
  /** Unix seconds. */
  readonly createdAt: number
  /** Unix seconds; from then on the invoice must not be paid. */
  readonly expiresAt: number
  readonly paymentHash: PaymentHash
  readonly paymentSecret: string
  /** The payee's node key, 33 bytes in hex: from the `n` field or recovered from the signature. */
  readonly payee: string
  readonly description: Option.Option<string>
  readonly descriptionHash: Option.Option<string>
  readonly minFinalCltvDelta: number
}

/** What is needed to issue an invoice. Deterministic: same input, same invoice. */
export interface Draft {
  readonly network: Network.Network
  /** More than zero. */
  readonly amount: Option.Option<Msat.Msat>
  /** Unix seconds, below 2^35. */
  readonly createdAt: number
  readonly expirySeconds: number
  readonly paymentHash: PaymentHash
  /** 32 bytes in hex. */
  readonly paymentSecret: string
  /** Beyond 639 bytes of UTF-8 the invoice carries its sha256 instead. */
  readonly description: string
  /** Blocks. */
  readonly minFinalCltvDelta: number
}

/** Why a string is no invoice that may be paid. */
export class InvalidInvoice extends Schema.TaggedError<InvalidInvoice>()("InvalidInvoice", {
  message: Schema.String
}) {}

/** Reads an invoice and checks all that can be checked without knowing what it is for. */
export const decode = (bolt11: string): Result.Result<Invoice, InvalidInvoice> => {
  try {
    return Result.succeed(read(bolt11))
  } catch (error) {
    if (error instanceof InvalidInvoice) return Result.fail(error)
    throw error
  }
}

/**
 * Encodes and signs with the payee's node key (32 bytes). Always names the payee (`n`). Throws a
 * `RangeError` on a draft that no invoice can express.
 */
export const encode = (draft: Draft, nodeKey: Uint8Array): string => {
  const prefix = `ln${currencies[draft.network]}${amountText(draft.amount)}`
  const description = Buffer.from(draft.description)
  const words = [
    ...fixedWords(draft.createdAt, timestampWords),
    ...field(Tag.paymentSecret, wordsOf(Hex.toBytes(draft.paymentSecret))),
    ...field(Tag.paymentHash, wordsOf(Hex.toBytes(draft.paymentHash))),
    ...(description.length <= longestDescription
      ? field(Tag.description, wordsOf(description))
      : field(Tag.descriptionHash, wordsOf(hash("sha256", description, "buffer")))),
    ...field(Tag.expiry, integerWords(draft.expirySeconds)),
    ...field(Tag.minFinalCltvDelta, integerWords(draft.minFinalCltvDelta)),
    ...field(Tag.payee, wordsOf(Secp256k1.publicKeyCompressed(nodeKey))),
    ...field(Tag.features, ourFeatures)
  ]
  const { recovery, signature } = Secp256k1.ecdsaSign(signedHash(prefix, words), nodeKey)
  return bech32.encode(
    prefix,
    [...words, ...wordsOf(Buffer.concat([signature, Uint8Array.of(recovery)]))],
    false
  )
}

// -----------------------------------------------------------------------------
// The format
// -----------------------------------------------------------------------------

const currencies: Record<Network.Network, string> = {
  mainnet: "bc",
  testnet: "tb",
  signet: "tbs",
  regtest: "bcrt"
}

const networks: Readonly<Record<string, Network.Network>> = {
  bc: "mainnet",
  tb: "testnet",
  tbs: "signet",
  bcrt: "regtest"
}

/** BOLT 11, "Tagged Fields": each type is a word of five bits. */
const Tag = {
  paymentHash: 1,
  features: 5,
  expiry: 6,
  description: 13,
  paymentSecret: 16,
  payee: 19,
  descriptionHash: 23,
  minFinalCltvDelta: 24
} as const

const timestampWords = 7
const signatureWords = 104
const hashWords = 52
const publicKeyWords = 53
const longestDescription = 639
/** What a QR code holds; the specification itself sets no limit. */
const longestInvoice = 7089
const defaultExpiry = 3600
const defaultMinFinalCltvDelta = 18

/** Bits 8 (`var_onion_optin`) and 14 (`payment_secret`). */
const ourFeatures = [16, 8, 0]

/**
 * Even bits that an invoice may require: BOLT 9's features of invoices (context `9`) and those
 * that every node is assumed to have.
 */
const knownFeatures = new Set([0, 8, 12, 14, 16, 24, 36, 44, 48])

/** Millisatoshi in one unit of each multiplier; a `p` is a tenth. */
const msatsPer = { "": 100_000_000_000, m: 100_000_000, u: 100_000, n: 100 } as const

// -----------------------------------------------------------------------------
// Reading
// -----------------------------------------------------------------------------

const refuse = (message: string): never => {
  throw new InvalidInvoice({ message })
}

const read = (bolt11: string): Invoice => {
  if (bolt11.length > longestInvoice) return refuse(`longer than ${longestInvoice} characters`)
  const lowerCase = bolt11.toLowerCase()
  if (bolt11 !== lowerCase && bolt11 !== bolt11.toUpperCase())
    return refuse("upper and lower case are mixed")
  const { prefix, words } =
    bech32.decodeUnsafe(lowerCase, false) ?? refuse("not bech32, or its checksum is wrong")
  const { amount, network } = readPrefix(prefix)
  const end = words.length - signatureWords
  if (end < timestampWords) return refuse("too short")
  const fields = readFields(words, end)
  const createdAt = integer(words, 0, timestampWords)
  const expiresAt = createdAt + (fields.expiry ?? defaultExpiry)
  if (!Number.isSafeInteger(expiresAt)) return refuse("the expiry is out of range")
  return {
    bolt11: lowerCase,
    network,
    amount,
    createdAt,
    expiresAt,
    paymentHash: (fields.paymentHash ?? refuse("no payment hash")) as PaymentHash,
    paymentSecret: fields.paymentSecret ?? refuse("no payment secret"),
    payee: readPayee(prefix, words, end, fields.payee),
    ...readDescription(fields),
    minFinalCltvDelta: fields.minFinalCltvDelta ?? defaultMinFinalCltvDelta
  }
}

const readPrefix = (prefix: string): Pick<Invoice, "network" | "amount"> => {
  const [, currency, rest] = /^ln(bcrt|tbs|bc|tb)((?:\d.*)?)$/.exec(prefix) ?? []
  const network = currency === undefined ? undefined : networks[currency]
  if (network === undefined || rest === undefined) return refuse("the network is unknown")
  return { network, amount: rest === "" ? Option.none() : Option.some(readAmount(rest)) }
}

const readAmount = (text: string): Msat.Msat => {
  const [, digits, multiplier] = /^([1-9]\d{0,17})([munp]?)$/.exec(text) ?? []
  if (digits === undefined) return refuse("the amount is malformed")
  if (multiplier === "p" && !digits.endsWith("0"))
    return refuse("the amount is no whole number of millisatoshi")
  const msats =
    multiplier === "p"
      ? Number(digits.slice(0, -1))
      : Number(digits) * msatsPer[multiplier as keyof typeof msatsPer]
  return Msat.is(msats) ? msats : refuse("the amount is out of range")
}

interface Fields {
  paymentHash?: string
  paymentSecret?: string
  description?: string
  descriptionHash?: string
  payee?: Uint8Array
  expiry?: number
  minFinalCltvDelta?: number
}

/** Of fields that come twice the first counts; unknown ones and wrong lengths are skipped. */
const readFields = (words: ReadonlyArray<number>, end: number): Fields => {
  const fields: Fields = {}
  let at = timestampWords
  while (at < end) {
    if (at + 3 > end) return refuse("a field is cut off")
    const tag = words[at]!
    const length = words[at + 1]! * 32 + words[at + 2]!
    const from = at + 3
    const to = from + length
    if (to > end) return refuse("a field is cut off")
    at = to
    switch (tag) {
      case Tag.paymentHash:
        if (length === hashWords) fields.paymentHash ??= hexOf(words, from, to)
        break
      case Tag.paymentSecret:
        if (length === hashWords) fields.paymentSecret ??= hexOf(words, from, to)
        break
      case Tag.descriptionHash:
        if (length === hashWords) fields.descriptionHash ??= hexOf(words, from, to)
        break
      case Tag.payee:
        if (length === publicKeyWords) fields.payee ??= bytesOf(words, from, to)
        break
      case Tag.description:
        fields.description ??= readText(bytesOf(words, from, to))
        break
      case Tag.expiry:
        fields.expiry ??= minimalInteger("expiry", words, from, to)
        break
      case Tag.minFinalCltvDelta:
        fields.minFinalCltvDelta ??= minimalInteger("final CLTV delta", words, from, to)
        break
      case Tag.features:
        checkFeatures(words, from, to)
        break
    }
  }
  return fields
}

const readText = (bytes: Buffer): string =>
  isUtf8(bytes) ? bytes.toString() : refuse("the description is not UTF-8")

const readDescription = (fields: Fields): Pick<Invoice, "description" | "descriptionHash"> => {
  const description = Option.fromUndefinedOr(fields.description)
  const descriptionHash = Option.fromUndefinedOr(fields.descriptionHash)
  if (Option.isSome(description) === Option.isSome(descriptionHash))
    return refuse(
      Option.isSome(description)
        ? "both a description and a description hash"
        : "neither a description nor a description hash"
    )
  return { description, descriptionHash }
}

const checkFeatures = (words: ReadonlyArray<number>, from: number, to: number): void => {
  if (to > from && words[from] === 0) refuse("the features begin with a zero")
  for (let at = from; at < to; at++) {
    const lowest = (to - 1 - at) * 5
    for (let bit = lowest + (lowest & 1); bit < lowest + 5; bit += 2)
      if (((words[at]! >> (bit - lowest)) & 1) === 1 && !knownFeatures.has(bit))
        refuse(`it requires the unknown feature ${bit}`)
  }
}

/** The payee named by `n`, whose signature has to be low-S then, or whoever signed. */
const readPayee = (
  prefix: string,
  words: ReadonlyArray<number>,
  end: number,
  named: Uint8Array | undefined
): string => {
  const signature = bytesOf(words, end, words.length)
  const compact = signature.subarray(0, 64)
  const recovery = signature[64]!
  if (recovery > 3) return refuse("the signature's recovery id is out of range")
  const digest = signedHash(prefix, words.slice(0, end))
  if (named === undefined)
    return Hex.fromBytes(
      Secp256k1.recover(compact, recovery, digest) ?? refuse("the signature is not valid")
    )
  return Secp256k1.ecdsaVerify(compact, digest, named)
    ? Hex.fromBytes(named)
    : refuse("the signature is not the payee's")
}

// -----------------------------------------------------------------------------
// Words of five bits
// -----------------------------------------------------------------------------

/** sha256 over the prefix and the data before the signature, padded with zero bits to bytes. */
const signedHash = (prefix: string, words: ReadonlyArray<number>): Buffer =>
  hash(
    "sha256",
    Buffer.concat([
      Buffer.from(prefix),
      bytesOf(words, 0, words.length, Math.ceil((words.length * 5) / 8))
    ]),
    "buffer"
  )

/** The whole bytes in a range of words; what is left over is dropped, or padded to `size`. */
const bytesOf = (
  words: ReadonlyArray<number>,
  from: number,
  to: number,
  size = Math.floor(((to - from) * 5) / 8)
): Buffer => {
  const bytes = Buffer.allocUnsafe(size)
  let held = 0
  let bits = 0
  let at = 0
  for (let i = from; i < to; i++) {
    held = ((held << 5) | words[i]!) & 0xfff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = held >> bits
    }
  }
  if (at < size) bytes[at] = held << (8 - bits)
  return bytes
}

const hexOf = (words: ReadonlyArray<number>, from: number, to: number): string =>
  bytesOf(words, from, to).toString("hex")

const wordsOf = (bytes: Uint8Array): ReadonlyArray<number> => bech32.toWords(bytes)

const integer = (words: ReadonlyArray<number>, from: number, to: number): number => {
  let value = 0
  for (let i = from; i < to; i++) value = value * 32 + words[i]!
  return value
}

const minimalInteger = (
  name: string,
  words: ReadonlyArray<number>,
  from: number,
  to: number
): number => {
  if (to > from && words[from] === 0) return refuse(`the ${name} begins with a zero`)
  const value = integer(words, from, to)
  return Number.isSafeInteger(value) ? value : refuse(`the ${name} is out of range`)
}

const integerWords = (value: number): ReadonlyArray<number> => {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a count: ${value}`)
  const words: Array<number> = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 32)) words.unshift(rest % 32)
  return words
}

const fixedWords = (value: number, length: number): ReadonlyArray<number> => {
  const words = integerWords(value)
  if (words.length > length) throw new RangeError(`too large: ${value}`)
  return [...Array.from({ length: length - words.length }, () => 0), ...words]
}

const field = (tag: number, words: ReadonlyArray<number>): ReadonlyArray<number> => [
  tag,
  ...fixedWords(words.length, 2),
  ...words
]

/** BOLT 11: the shortest form, by the largest multiplier that divides the amount. */
const amountText = (amount: Option.Option<Msat.Msat>): string => {
  if (Option.isNone(amount)) return ""
  const msats = amount.value
  if (!Msat.is(msats) || msats === 0) throw new RangeError(`not an invoice's amount: ${msats}`)
  for (const [multiplier, unit] of Object.entries(msatsPer))
    if (msats % unit === 0) return `${msats / unit}${multiplier}`
  return `${msats}0p`
}
